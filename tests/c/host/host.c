/* The host's program: it needs its own library, and venuepool. */
#include <string.h>
#include <venuepool.h>

int host_util(void);

int main(void) { return host_util() == 42 && strlen(vp_version_string()) > 0 ? 0 : 1; }
