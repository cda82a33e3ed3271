/*
 * Places orders and does nothing else, for valgrind, which counts the instructions:
 *
 *   place_orders WAY PATH ORDERS [template]
 */
#include "orders.h"

int main(int argc, char **argv) {
    if (argc < 4) CHECK_FAIL("usage: place_orders WAY PATH ORDERS [template]");
    struct engine engine;
    engine_open(&engine, argv[1], 1, argv[2]);
    if (argc > 4) engine_use_template(&engine);
    engine_place(&engine, atoi(argv[3]));
    engine_close(&engine);
    return 0;
}
