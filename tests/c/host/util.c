/* A library of the host's own. */
int host_util(void);

int host_util(void) { return 42; }
