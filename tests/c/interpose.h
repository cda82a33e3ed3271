/* For programs that stand in front of functions of the C library. */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include <dlfcn.h>
#include <stddef.h>

/* Finds the function behind ours, once. C knows no cast from an object's address to a function's;
 * POSIX asks for this way. */
#define FIND(real, name)                                            \
    do {                                                            \
        if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name); \
    } while (0)

#endif
