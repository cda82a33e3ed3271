/* Eight orders at once with libcurl's multi interface; multi_venuepool.c does the same. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { ORDERS = 8 };

static size_t ignore(char *data, size_t size, size_t count, void *context) {
    (void)data, (void)context;
    return size * count;
}

static CURL *order(const char *url, const char *body) {
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (getenv("VENUE_CA")[0] != '\0') curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("VENUE_CA"));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 2000L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    return easy;
}

/* Takes the transfers that have ended, and returns how many orders were confirmed. */
static int collect(CURLM *multi) {
    CURLMsg *message;
    int left = 0, confirmed = 0;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        confirmed += message->data.result == CURLE_OK && status == 200;
        curl_multi_remove_handle(multi, easy);
        curl_easy_cleanup(easy);
    }
    return confirmed;
}

int main(void) {
    char url[256], body[128];
    int running = 0, confirmed = 0;

    snprintf(url, sizeof url, "%s/api/v3/order", getenv("VENUE_URL"));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    for (int number = 0; number < ORDERS; number++) {
        snprintf(body, sizeof body, "symbol=BTCUSDT&newClientOrderId=multi-%d", number);
        curl_multi_add_handle(multi, order(url, body));
    }
    do {
        curl_multi_perform(multi, &running);
        confirmed += collect(multi);
        if (running > 0) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    } while (running > 0);
    printf("%d of %d orders confirmed\n", confirmed, ORDERS);

    curl_multi_cleanup(multi);
    curl_global_cleanup();
    return confirmed != ORDERS;
}
