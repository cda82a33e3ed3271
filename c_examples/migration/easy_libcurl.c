/* One order with libcurl's easy interface; easy_venuepool.c does the same. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct body {
    char bytes[65536];
    size_t len;
};

static size_t on_body(char *data, size_t size, size_t count, void *context) {
    struct body *body = context;
    if (size * count > sizeof body->bytes - body->len) return 0;
    memcpy(body->bytes + body->len, data, size * count);
    body->len += size * count;
    return size * count;
}

int main(void) {
    static struct body body;
    char url[256];
    long status = 0;

    snprintf(url, sizeof url, "%s/api/v3/order", getenv("VENUE_URL"));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (getenv("VENUE_CA")[0] != '\0') curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("VENUE_CA"));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 2000L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "symbol=BTCUSDT&side=BUY&newClientOrderId=easy-1");

    /* The first order connects and shakes hands before it is sent. */
    CURLcode result = curl_easy_perform(easy);
    if (result != CURLE_OK) return fprintf(stderr, "%s\n", curl_easy_strerror(result)), 1;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    printf("HTTP %ld: %.*s\n", status, (int)body.len, body.bytes);

    curl_easy_cleanup(easy);
    curl_global_cleanup();
    return status != 200;
}
