/*
 * Ways out: through a proxy or over a Unix socket, and only to a server whose key is pinned.
 *
 *   ways_out --url https://localhost:40123 --ca ca.pem --count 10
 *            [--proxy socks5://user:password@10.0.0.1:1080] [--unix-socket /run/sidecar.sock]
 *            [--pin sha256//BASE64]
 *
 * Without --pin it trusts the key that the server shows first, as ssh does: it learns the pin from
 * the refusal, and then connects with it. An engine has its pins in its configuration.
 */
#include "example.h"

/* A pin of the right form, which no key has. */
static const char no_key[] = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/* Opens a pool that takes the way that the arguments name, to a server that has this key. */
static vp_status open_pinned(int argc, char **argv, const struct arguments *arguments,
                             const char *pin, vp_pool **pool, vp_error *error) {
    const char *proxy = argument(argc, argv, "--proxy", NULL);
    const char *unix_socket = argument(argc, argv, "--unix-socket", NULL);
    vp_config *config = new_config(arguments);

    /* Several proxies are spread over the connections; here is one. */
    if (proxy[0] != '\0') CHECK_OK(vp_config_add_proxy(config, text(proxy)));
    /* Empty for none. */
    CHECK_OK(vp_config_set_unix_socket(config, text(unix_socket)));
    /* In production also the next key of the venue, so that it can change its key. */
    CHECK_OK(vp_config_add_pin(config, text(pin)));

    error->struct_size = sizeof *error;
    vp_status status = vp_pool_open(config, pool, error);
    vp_config_free(config);
    return status;
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "10");
    const char *pin = argument(argc, argv, "--pin", NULL);
    int is_known = pin[0] != '\0';
    vp_pool *pool;
    vp_error error, first;
    vp_request *request;

    vp_status status =
        open_pinned(argc, argv, &arguments, is_known ? pin : no_key, &pool, &error);
    if (status == VP_ERR_PIN && !is_known) {
        /* The text of the refusal ends with the pin that was seen. */
        first = error;
        pin = strstr(first.text, "sha256//");
        CHECK(pin != NULL);
        printf("the server's key is %s\n", pin);
        status = open_pinned(argc, argv, &arguments, pin, &pool, &error);
    }
    if (status != VP_OK) {
        /* VP_ERR_PROXY and VP_ERR_PROXY_AUTH name the proxy; no text has the password. */
        fprintf(stderr, "%s: %s\n", vp_status_name(status), error.text);
        return 1;
    }
    CHECK_OK(vp_request_new(pool, &request));
    for (unsigned long number = 0; number < arguments.count; number++) {
        vp_completion done = {.struct_size = sizeof done};
        build_order(request, "ways_out", number);
        CHECK_OK(vp_execute(pool, request, 0, &done));
        CHECK(done.outcome == VP_OUTCOME_OK);
        vp_response_release(done.response);
    }
    printf("%lu orders sent\n", arguments.count);
    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
