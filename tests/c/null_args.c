/*
 * Every function of the header, called with NULL, zeros and stray sizes: each answers with the
 * right status, writes nothing, and nothing crashes. The test every_function_is_tested_with_null
 * reads this file for names.
 */
#include "venue.h"

static const vp_str NOTHING = {NULL, 0};
static const vp_str BROKEN = {NULL, 3};

static void never_called(void *context, const vp_completion *completion) {
    (void)context;
    (void)completion;
    CHECK_FAIL("a callback that nobody asked for");
}

static void never_logged(void *context, const vp_log_record *record) {
    (void)context;
    (void)record;
    CHECK_FAIL("a record of a pool that was never opened");
}

static void never_a_key(void *context, vp_str line) {
    (void)context;
    (void)line;
    CHECK_FAIL("a secret of a pool that was never opened");
}

static void never_told(void *context, const vp_event *event) {
    (void)context;
    (void)event;
    CHECK_FAIL("an event of a pool that was never opened");
}

static void version(void) {
    CHECK(vp_version_string()[0] != 0);
    CHECK_EQ(vp_version_number(), VP_VERSION_NUMBER);
    static const int32_t strays[] = {INT32_MIN, -1000, 98, 1000, INT32_MAX};
    for (size_t i = 0; i < sizeof strays / sizeof *strays; i++) {
        CHECK(strcmp(vp_status_name(strays[i]), "VP_UNKNOWN") == 0);
        CHECK(strcmp(vp_outcome_name(strays[i]), "VP_UNKNOWN") == 0);
        CHECK(strcmp(vp_wire_name(strays[i]), "VP_UNKNOWN") == 0);
        CHECK(strcmp(vp_close_reason_name(strays[i]), "VP_UNKNOWN") == 0);
        CHECK(strcmp(vp_event_name(strays[i]), "VP_UNKNOWN") == 0);
        CHECK(strcmp(vp_slot_state_name(strays[i]), "VP_UNKNOWN") == 0);
    }
}

/* What a text of metrics is written with. */
static void metrics(vp_pool *pool) {
    char text[8];
    size_t needed = 0;
    const vp_pool *pools[] = {pool, NULL, pool};
    CHECK_STATUS(vp_pool_metrics_text(pool, NULL, 1, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_metrics_text(pool, text, sizeof text, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_metrics_text(pool, text, sizeof text, &needed), VP_ERR_TOO_LARGE);
    CHECK(needed > sizeof text);
    CHECK_STATUS(vp_metrics_text(NULL, 1, text, sizeof text, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_metrics_text(pools, 2, text, sizeof text, &needed), VP_ERR_NULL);
    pools[1] = pool;
    CHECK_STATUS(vp_metrics_text(pools, 3, text, sizeof text, &needed), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_metrics_text(pools, VP_METRICS_POOLS + 1, text, sizeof text, &needed),
                 VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_metrics_text(NULL, 0, NULL, 0, &needed), VP_ERR_TOO_LARGE);
}

/* What the flight recorder is asked. */
static void recorder(vp_pool *pool, uint64_t id) {
    char text[8];
    size_t needed = 0;
    vp_str tag = VP_STR("4711");
    CHECK_STATUS(vp_pool_recorder_text(pool, 0, VP_RECORDER_TEXT, NULL, 1, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_text(pool, 0, VP_RECORDER_JSON, text, sizeof text, NULL),
                 VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_text(pool, 2, 0, NULL, 0, &needed), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_recorder_text(pool, 0, 2, NULL, 0, &needed), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_recorder_text(pool, VP_ALL_SLOTS, 0, text, sizeof text, &needed),
                 VP_ERR_TOO_LARGE);
    CHECK(needed > sizeof text);
    CHECK_STATUS(vp_pool_recorder_find(pool, id, 0, NULL, 1, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_find(pool, id, 0, text, sizeof text, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_find(pool, id, 2, NULL, 0, &needed), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_recorder_find(pool, UINT64_MAX, 0, NULL, 0, &needed), VP_ERR_NOT_FOUND);
    CHECK_STATUS(vp_pool_recorder_find_tag(pool, tag, 0, NULL, 1, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_find_tag(pool, tag, 0, text, sizeof text, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_find_tag(pool, NOTHING, 0, NULL, 0, &needed), VP_ERR_ARGUMENT);
    vp_str bad = {NULL, 1};
    CHECK_STATUS(vp_pool_recorder_find_tag(pool, bad, 0, NULL, 0, &needed), VP_ERR_NULL);
}

/* The histogram of an address is refused, and `out` is not written. */
static void address_histogram(vp_pool *pool, vp_histogram **out) {
    const vp_str unknown = text("203.0.113.1");
    CHECK_STATUS(vp_pool_address_histogram(pool, 8, unknown, 0, out), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_address_histogram(pool, 0, unknown, 2, out), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_address_histogram(pool, 0, BROKEN, 0, out), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_address_histogram(pool, 0, unknown, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_address_histogram(pool, 0, NOTHING, 0, out), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_pool_address_histogram(pool, 0, text("nowhere"), 0, out), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_pool_address_histogram(pool, 0, unknown, 0, out), VP_ERR_NOT_FOUND);
}

/* What a histogram is asked. */
static void histogram(vp_pool *pool) {
    vp_histogram_free(NULL);
    vp_histogram *all = NULL;
    CHECK_STATUS(vp_pool_histogram(pool, 8, VP_ALL_SLOTS, 0, &all), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_histogram(pool, 0, 1024, 0, &all), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_histogram(pool, 0, VP_ALL_SLOTS, 2, &all), VP_ERR_ARGUMENT);
    address_histogram(pool, &all);
    CHECK(all == NULL);
    OK(vp_pool_histogram(pool, VP_HISTOGRAM_HEAL, VP_ALL_SLOTS, 0, &all));
    char text[8];
    uint64_t ns;
    size_t needed = 0;
    vp_summary summary = {.struct_size = 8};
    CHECK_STATUS(vp_histogram_summary(NULL, &summary), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_summary(all, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_summary(all, &summary), VP_ERR_STRUCT_SIZE);
    CHECK_STATUS(vp_histogram_percentile(NULL, 50, &ns), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_percentile(all, 50, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_percentile(all, 100.5, &ns), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_histogram_log(NULL, 0, text, sizeof text, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_log(all, 0, NULL, 1, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_log(all, 0, text, sizeof text, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_log(all, 2, text, sizeof text, &needed), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_histogram_log(all, 0, text, sizeof text, &needed), VP_ERR_TOO_LARGE);
    CHECK(needed > sizeof text);
    CHECK_STATUS(vp_histogram_percentile_table(NULL, text, 8, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_histogram_percentile_table(all, NULL, 0, &needed), VP_ERR_TOO_LARGE);
    CHECK_STATUS(vp_histogram_percentile_table(all, text, 8, NULL), VP_ERR_NULL);
    vp_histogram_free(all);
}

static void config_is_null(void) {
    CHECK_STATUS(vp_config_new(NULL), VP_ERR_NULL);
    vp_config_free(NULL);
    vp_str url = VP_STR("http://localhost");
    CHECK_STATUS(vp_config_set_url(NULL, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_base_path(NULL, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_default_header(NULL, url, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_connections(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_degraded_open(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_histograms(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_prefault(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_recorder(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_recorder_heads(NULL, 64), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_drive(NULL, VP_DRIVE_CALLER), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_thread_name(NULL, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_cpu(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_resolve_timeout_ns(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_connect_timeout_ns(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_tls_handshake_timeout_ns(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_request_timeout_ns(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_request_capacity(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_response_capacity(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_body_size(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_head_size(NULL, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_headers(NULL, 10), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_interim(NULL, 10), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_chunk_line(NULL, 100), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_chunk_overhead(NULL, 100), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_trailer_size(NULL, 100), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_completion_capacity(NULL, 10), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_waiting_capacity(NULL, 10), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_lane(NULL, 0, 1, 0, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_nodelay(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_kernel_times(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_tcp_keepalive(NULL, 0, 0, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_socket_buffers(NULL, 0, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_bind_address(NULL, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_bind_address(NULL, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_addresses(NULL, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_unix_socket(NULL, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_proxy(NULL, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_placement(NULL, VP_PLACEMENT_SPREAD, 20, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_resolve_interval_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_backoff(NULL, 1000, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_dials_per_second(NULL, 5), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_exchange_time_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_ca_pem(NULL, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_client_cert_pem(NULL, url, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_server_name(NULL, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_alpn(NULL, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_pin(NULL, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_insecure_skip_verify(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_key_log(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_key_log_file(NULL, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_key_log_function(NULL, never_a_key, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_busy_poll(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_heartbeat(NULL, url, url, 0, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_heartbeat_header(NULL, url, url), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_idle_limit_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_age_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_max_requests(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_look_after_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_write_timeout_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_first_byte_timeout_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_queue_timeout_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_linger_ns(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_late_answers(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_suspend_on(NULL, 429, 0, VP_SUSPEND_KEEP), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_suspend_cap_ns(NULL, 1000000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_suspend_scope(NULL, VP_SUSPEND_SCOPE_SOURCE), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_event(NULL, never_told, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_log(NULL, VP_LOG_INFO, never_logged, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_config_watch_header(NULL, text("a"), NULL), VP_ERR_NULL);
}

static void config_gets_nothing(vp_config *config) {
    CHECK_STATUS(vp_config_set_url(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_url(config, NOTHING), VP_ERR_URL);
    CHECK_STATUS(vp_config_set_base_path(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_default_header(config, NOTHING, NOTHING), VP_ERR_HEADER_NAME);
    CHECK_STATUS(vp_config_add_default_header(config, BROKEN, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_default_header(config, text("A"), BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_connections(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_connections(config, UINT32_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_drive(config, UINT32_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_thread_name(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_cpu(config, -2), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_cpu(config, INT32_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_resolve_timeout_ns(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_connect_timeout_ns(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_tls_handshake_timeout_ns(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_request_timeout_ns(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_request_capacity(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_response_capacity(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_body_size(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_head_size(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_headers(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_headers(config, 257), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_interim(config, 1001), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_chunk_line(config, 31), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_chunk_overhead(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_trailer_size(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_completion_capacity(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_tcp_keepalive(config, 1, 1, UINT32_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_socket_buffers(config, UINT64_MAX, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_bind_address(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_bind_address(config, text("nowhere")), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_config_add_bind_address(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_bind_address(config, NOTHING), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_config_set_addresses(config, text("127.0.0.1,,")), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_config_set_unix_socket(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_unix_socket(config, text("not/absolute")), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_config_add_proxy(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_proxy(config, NOTHING), VP_ERR_URL);
    CHECK_STATUS(vp_config_set_placement(config, 4, 20, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_placement(config, -1, 20, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_placement(config, VP_PLACEMENT_BEST, 0, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_placement(config, VP_PLACEMENT_BEST, 1001, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_placement(config, VP_PLACEMENT_BEST, 20, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_placement(config, VP_PLACEMENT_BEST, 20, 0), VP_OK);
    CHECK_STATUS(vp_config_set_placement(config, VP_PLACEMENT_IN_ORDER, 20, 0), VP_OK);
    CHECK_STATUS(vp_config_set_resolve_interval_ns(config, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_resolve_interval_ns(config, 0), VP_OK);
    CHECK_STATUS(vp_config_set_backoff(config, 0, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_backoff(config, 2000, 1000), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_dials_per_second(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_exchange_time_ns(config, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_ca_pem(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_client_cert_pem(config, BROKEN, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_server_name(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_alpn(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_pin(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_pin(config, NOTHING), VP_ERR_TLS_CONFIG);
    vp_str get = VP_STR("GET"), path = VP_STR("/");
    CHECK_STATUS(vp_config_set_heartbeat(config, BROKEN, path, 1000000, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_heartbeat(config, get, BROKEN, 1000000, 1000), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_heartbeat(config, NOTHING, path, 1000000, 1000), VP_ERR_METHOD);
    CHECK_STATUS(vp_config_set_heartbeat(config, get, NOTHING, 1000000, 1000), VP_ERR_PATH);
    CHECK_STATUS(vp_config_set_heartbeat(config, get, path, 1, 1000), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_heartbeat(config, get, path, 1000000, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_add_heartbeat_header(config, BROKEN, path), VP_ERR_NULL);
    CHECK_STATUS(vp_config_add_heartbeat_header(config, get, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_idle_limit_ns(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_max_age_ns(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_look_after_ns(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_write_timeout_ns(config, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_first_byte_timeout_ns(config, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_queue_timeout_ns(config, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_linger_ns(config, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_late_answers(config, 2), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_suspend_on(config, 429, 0, 2), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_suspend_on(config, 200, 0, VP_SUSPEND_CLOSE), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_suspend_on(config, INT32_MIN, 0, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_suspend_on(config, 429, UINT64_MAX, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_suspend_cap_ns(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_suspend_cap_ns(config, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_suspend_scope(config, 2), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_event(config, NULL, NULL), VP_OK);
    CHECK_STATUS(vp_config_set_log(config, 0, NULL, NULL), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_log(config, 6, NULL, NULL), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_log(config, VP_LOG_TRACE, NULL, NULL), VP_OK);
    CHECK_STATUS(vp_config_set_key_log_file(config, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_key_log_file(config, NOTHING), VP_OK);
    CHECK_STATUS(vp_config_set_key_log_function(config, NULL, NULL), VP_OK);
    CHECK_STATUS(vp_config_watch_header(config, BROKEN, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_config_watch_header(config, NOTHING, NULL), VP_ERR_HEADER_NAME);
    CHECK_STATUS(vp_config_watch_header(config, text("a"), NULL), VP_OK);
}

static void refused_settings_are_remembered(vp_config *config) {
    vp_error error = {sizeof error, 0, 0, ""};
    vp_pool *pool = NULL;
    CHECK_STATUS(vp_pool_open(config, &pool, &error), VP_ERR_NULL);
    CHECK(strstr(error.text, "vp_config_set_url") != NULL);
    CHECK_STATUS(error.status, VP_ERR_NULL);
    CHECK(pool == NULL);
    /* What is made good is forgotten, and the next refusal is answered. */
    OK(vp_config_set_url(config, text("http://localhost")));
    CHECK_STATUS(vp_pool_open(config, &pool, &error), VP_ERR_NULL);
    CHECK(strstr(error.text, "vp_config_set_base_path") != NULL);
}

static void open_with(const vp_config *config) {
    vp_pool *pool = NULL;
    vp_error error = {sizeof error, 0, 0, ""};
    CHECK_STATUS(vp_pool_open(NULL, &pool, &error), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_open(config, NULL, &error), VP_ERR_NULL);
    error.struct_size = 0;
    CHECK_STATUS(vp_pool_open(config, &pool, &error), VP_ERR_STRUCT_SIZE);
    error.struct_size = SIZE_MAX;
    CHECK_STATUS(vp_pool_open(config, &pool, &error), VP_ERR_STRUCT_SIZE);
    CHECK(pool == NULL);
    vp_config *empty;
    OK(vp_config_new(&empty));
    CHECK_STATUS(vp_pool_open(empty, &pool, NULL), VP_ERR_URL);
    vp_config_free(empty);
    CHECK(pool == NULL);
}

static void pool_is_null(vp_request *request) {
    vp_health health;
    health.struct_size = sizeof health;
    vp_stats stats;
    stats.struct_size = sizeof stats;
    vp_error error = {sizeof error, 0, 0, ""};
    vp_completion completion = empty_completion();
    vp_lease lease = {0, 0, 0};
    uint64_t id = 0;
    int32_t fd = -1;
    CHECK_STATUS(vp_pool_shutdown(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_close(NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_health(NULL, &health), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_stats(NULL, &stats), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_last_dial_error(NULL, &error), VP_ERR_NULL);
    vp_slot_health slot;
    slot.struct_size = sizeof slot;
    CHECK_STATUS(vp_pool_slots(NULL, &slot, 1), VP_ERR_NULL);
    vp_address address;
    address.struct_size = sizeof address;
    CHECK_STATUS(vp_pool_addresses(NULL, &address, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_set_addresses(NULL, text("127.0.0.1")), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_publish(NULL, text("/tmp/page"), 0), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_suspend(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_drain(NULL, 0), VP_ERR_NULL);
    vp_watched watched;
    watched.struct_size = sizeof watched;
    CHECK_STATUS(vp_pool_watched(NULL, 0, &watched), VP_ERR_NULL);
    vp_histogram *histogram = NULL;
    CHECK_STATUS(vp_pool_histogram(NULL, 0, VP_ALL_SLOTS, 0, &histogram), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_address_histogram(NULL, 0, text("127.0.0.1"), 0, &histogram),
                 VP_ERR_NULL);
    CHECK(histogram == NULL);
    size_t needed = 0;
    CHECK_STATUS(vp_pool_metrics_text(NULL, NULL, 0, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_text(NULL, 0, 0, NULL, 0, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_find(NULL, 1, 0, NULL, 0, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_recorder_find_tag(NULL, text("a"), 0, NULL, 0, &needed), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_set_default_header(NULL, text("a"), text("b")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_new(NULL, &request), VP_ERR_NULL);
    CHECK_STATUS(vp_submit(NULL, request, 0, &id), VP_ERR_NULL);
    CHECK_STATUS(vp_execute(NULL, request, 0, &completion), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_try_acquire(NULL, &lease), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_acquire(NULL, 0, &lease), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_try_acquire_from(NULL, 0, &lease), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_acquire_from(NULL, 0, 0, &lease), VP_ERR_NULL);
    CHECK_STATUS(vp_lease_submit(NULL, lease, request, &id), VP_ERR_NULL);
    CHECK_STATUS(vp_lease_release(NULL, lease), VP_ERR_NULL);
    CHECK_STATUS(vp_cancel(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_poll(NULL, &completion, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_wait(NULL, &completion, 1, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_fd(NULL, &fd), VP_ERR_NULL);
    CHECK_EQ(fd, -1);
}

static void pool_gets_nothing(vp_pool *pool, vp_request *request) {
    vp_lease lease;
    CHECK_STATUS(vp_pool_health(pool, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_stats(pool, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_last_dial_error(pool, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_slots(pool, NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_addresses(pool, NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_set_addresses(pool, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_set_addresses(pool, text("nowhere")), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_pool_publish(pool, BROKEN, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_publish(pool, VP_STR("/tmp/\0page"), 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_publish(pool, text("/tmp/page"), 9999999), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_publish(pool, text("/tmp/page"), 3600000000001), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_publish(pool, text("/no/such/folder/page"), 0), VP_ERR_FILE);
    CHECK_STATUS(vp_pool_publish(pool, text("/dev/null"), 0), VP_ERR_FILE);
    CHECK_STATUS(vp_pool_publish(pool, NOTHING, 0), VP_OK);
    CHECK_STATUS(vp_pool_drain(pool, 16), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_drain(pool, UINT32_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_watched(pool, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_histogram(pool, 0, VP_ALL_SLOTS, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_set_default_header(pool, BROKEN, text("b")), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_set_default_header(pool, text("a"), BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_set_default_header(pool, NOTHING, text("b")), VP_ERR_HEADER_NAME);
    CHECK_STATUS(vp_pool_set_default_header(pool, text("a"), NOTHING), VP_ERR_NOT_FOUND);
    CHECK_STATUS(vp_request_new(pool, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_submit(pool, NULL, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_submit(pool, request, ~0u, NULL), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_execute(pool, NULL, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_execute(pool, request, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_try_acquire(pool, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_acquire(pool, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_try_acquire_from(pool, VP_SOURCE_ANY, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_acquire_from(pool, VP_SOURCE_ANY, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_try_acquire_from(pool, 64, &lease), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_try_acquire_from(pool, 63, &lease), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_pool_acquire_from(pool, 64, 0, &lease), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_acquire_from(pool, 63, 0, &lease), VP_ERR_ADDRESS);
    CHECK_STATUS(vp_pool_acquire_async_from(pool, 64, 1, 0, NULL, NULL, NULL), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_acquire_async_from(pool, 63, 1, 0, NULL, NULL, NULL), VP_ERR_ADDRESS);
    vp_lease none = {0, 0, 0}, stray = {77, UINT32_MAX, 9};
    CHECK_STATUS(vp_lease_submit(pool, none, NULL, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_lease_submit(pool, none, request, NULL), VP_ERR_STALE_LEASE);
    CHECK_STATUS(vp_lease_submit(pool, stray, request, NULL), VP_ERR_STALE_LEASE);
    CHECK_STATUS(vp_lease_release(pool, none), VP_ERR_STALE_LEASE);
    CHECK_STATUS(vp_lease_release(pool, stray), VP_ERR_STALE_LEASE);
    CHECK_STATUS(vp_cancel(pool, 0), VP_ERR_UNKNOWN_ID);
    CHECK_STATUS(vp_cancel(pool, UINT64_MAX), VP_ERR_UNKNOWN_ID);
    CHECK_STATUS(vp_pool_poll(pool, NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_wait(pool, NULL, 1, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_fd(pool, NULL), VP_ERR_NULL);

    vp_completion completion = empty_completion();
    CHECK_STATUS(vp_pool_poll(pool, &completion, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_pool_wait(pool, &completion, 0, 0), VP_ERR_ARGUMENT);
    static const size_t strays[] = {0, 1, 8, SIZE_MAX};
    for (size_t i = 0; i < sizeof strays / sizeof *strays; i++) {
        vp_health health;
        health.struct_size = strays[i];
        vp_slot_health slot;
        slot.struct_size = strays[i];
        vp_stats stats;
        stats.struct_size = strays[i];
        vp_error error = {strays[i], 0, 0, ""};
        completion.struct_size = strays[i];
        CHECK_STATUS(vp_pool_health(pool, &health), VP_ERR_STRUCT_SIZE);
        CHECK_STATUS(vp_pool_stats(pool, &stats), VP_ERR_STRUCT_SIZE);
        CHECK_STATUS(vp_pool_slots(pool, &slot, 1), VP_ERR_STRUCT_SIZE);
        slot.struct_size = sizeof slot;
        CHECK_STATUS(vp_pool_slots(pool, &slot, 0), VP_ERR_ARGUMENT);
        vp_address address;
        address.struct_size = strays[i];
        CHECK_STATUS(vp_pool_addresses(pool, &address, 1), VP_ERR_STRUCT_SIZE);
        address.struct_size = sizeof address;
        CHECK_STATUS(vp_pool_addresses(pool, &address, 0), VP_ERR_ARGUMENT);
        vp_watched watched;
        watched.struct_size = strays[i];
        CHECK_STATUS(vp_pool_watched(pool, 0, &watched), VP_ERR_STRUCT_SIZE);
        watched.struct_size = sizeof watched;
        CHECK_STATUS(vp_pool_watched(pool, 0, &watched), VP_ERR_ARGUMENT);
        CHECK_STATUS(vp_pool_last_dial_error(pool, &error), VP_ERR_STRUCT_SIZE);
        CHECK_STATUS(vp_pool_poll(pool, &completion, 1), VP_ERR_STRUCT_SIZE);
        CHECK_STATUS(vp_pool_wait(pool, &completion, 1, 0), VP_ERR_STRUCT_SIZE);
        CHECK_STATUS(vp_execute(pool, request, 0, &completion), VP_ERR_STRUCT_SIZE);
    }
}

static void group_is_null(vp_pool *pool) {
    vp_completion completion = empty_completion();
    int32_t fd = -1;
    OK(vp_group_free(NULL));
    CHECK_STATUS(vp_group_new(NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_group_add(NULL, pool), VP_ERR_NULL);
    CHECK_STATUS(vp_group_remove(NULL, pool), VP_ERR_NULL);
    CHECK_STATUS(vp_group_add_ws(NULL, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_group_remove_ws(NULL, NULL), VP_ERR_NULL);
    vp_ws *ready;
    CHECK_STATUS(vp_group_ready_ws(NULL, &ready, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_group_poll(NULL, &completion, NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_group_wait(NULL, &completion, NULL, 1, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_group_fd(NULL, &fd), VP_ERR_NULL);
    CHECK_EQ(fd, -1);
}

static void group_gets_nothing(vp_pool *pool) {
    vp_group *group;
    vp_completion completion = empty_completion();
    OK(vp_group_new(&group));
    CHECK_STATUS(vp_group_add(group, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_group_remove(group, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_group_add_ws(group, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_group_remove_ws(group, NULL), VP_ERR_NULL);
    vp_ws *session;
    CHECK_STATUS(vp_group_ready_ws(group, NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_group_ready_ws(group, &session, 0), VP_ERR_ARGUMENT);
    CHECK_EQ(vp_group_ready_ws(group, &session, 1), 0);
    CHECK_STATUS(vp_group_remove(group, pool), VP_ERR_NOT_FOUND);
    CHECK_STATUS(vp_group_poll(group, NULL, NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_group_wait(group, NULL, NULL, 1, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_group_poll(group, &completion, NULL, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_group_wait(group, &completion, NULL, 0, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_group_fd(group, NULL), VP_ERR_NULL);
    completion.struct_size = 1;
    CHECK_STATUS(vp_group_poll(group, &completion, NULL, 1), VP_ERR_STRUCT_SIZE);
    CHECK_STATUS(vp_group_wait(group, &completion, NULL, 1, 0), VP_ERR_STRUCT_SIZE);
    OK(vp_group_free(group));
}

static void thread_is_null(vp_config *config) {
    vp_thread *thread;
    vp_thread_free(NULL);
    CHECK_STATUS(vp_thread_new(text("shared"), -1, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_thread_new(BROKEN, -1, 0, &thread), VP_ERR_NULL);
    CHECK_STATUS(vp_thread_new(NOTHING, -1, 0, &thread), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_thread_new(text("longer than it may be"), -1, 0, &thread), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_thread_new(text("shared"), -2, 0, &thread), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_thread_new(text("shared"), 1024, 0, &thread), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_thread_set_host_limits(NULL, 0, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_config_set_thread(NULL, NULL), VP_ERR_NULL);
    OK(vp_config_set_thread(config, NULL));
}

static void request_is_null(void) {
    vp_str bytes;
    uint8_t *body;
    vp_request_free(NULL);
    CHECK_STATUS(vp_request_begin(NULL, text("GET"), text("/")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_query(NULL, text("a"), text("b")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_query_raw(NULL, text("a=b")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_header(NULL, text("a"), text("b")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_body(NULL, text("a")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_body_reserve(NULL, 1, &body), VP_ERR_NULL);
    CHECK_STATUS(vp_request_body_commit(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_request_mark(NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_request_rewind(NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_request_set_timeout_ns(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_request_set_user_data(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_request_set_tag(NULL, text("a")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_set_lane(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_request_set_source(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_request_set_on_complete(NULL, never_called, NULL), VP_ERR_NULL);
    uint32_t place;
    CHECK_STATUS(vp_request_placeholder(NULL, 1, &place), VP_ERR_NULL);
    CHECK_STATUS(vp_request_body_placeholder(NULL, 0, 1, &place), VP_ERR_NULL);
    CHECK_STATUS(vp_request_set_on_send(NULL, NULL, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_sending_fill(NULL, 0, text("a")), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_acquire_async(NULL, 1, 0, NULL, NULL, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_pool_acquire_async_from(NULL, 0, 1, 0, NULL, NULL, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_submit_fanout(NULL, NULL, 1, 0, 0, NULL), VP_ERR_NULL);
    CHECK_EQ(vp_completion_lease(NULL).generation, 0);
    CHECK_STATUS(vp_request_bytes(NULL, &bytes), VP_ERR_NULL);
}

/* A piece that is NULL is refused, and so is the rest of its request. */
#define SPOILT(call)                                                       \
    do {                                                                   \
        OK(vp_request_begin(request, text("POST"), text("/api/v3/ping"))); \
        CHECK_STATUS(call, VP_ERR_NULL);                                   \
        CHECK_STATUS(vp_request_body(request, text("b")), VP_ERR_NULL);    \
    } while (0)

static void request_gets_nothing(vp_request *request) {
    CHECK_STATUS(vp_request_begin(request, BROKEN, text("/")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_begin(request, text("GET"), BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_request_begin(request, NOTHING, text("/")), VP_ERR_METHOD);
    CHECK_STATUS(vp_request_begin(request, text("GET"), NOTHING), VP_ERR_PATH);
    SPOILT(vp_request_query(request, BROKEN, NOTHING));
    SPOILT(vp_request_query(request, text("a"), BROKEN));
    SPOILT(vp_request_query_raw(request, BROKEN));
    SPOILT(vp_request_header(request, BROKEN, text("b")));
    SPOILT(vp_request_header(request, text("a"), BROKEN));
    SPOILT(vp_request_body(request, BROKEN));
    SPOILT(vp_request_body_reserve(request, 1, NULL));
    OK(vp_request_begin(request, text("POST"), text("/api/v3/ping")));
    OK(vp_request_mark(request));
    CHECK_STATUS(vp_request_begin(request, BROKEN, text("/")), VP_ERR_NULL);
    CHECK_STATUS(vp_request_rewind(request), VP_ERR_PHASE);
    OK(vp_request_begin(request, text("POST"), text("/api/v3/ping")));
    CHECK_STATUS(vp_request_bytes(request, NULL), VP_ERR_NULL);
    OK(vp_request_set_on_complete(request, never_called, NULL));
    OK(vp_request_set_on_complete(request, NULL, NULL));
    vp_str bytes;
    OK(vp_request_bytes(request, &bytes));
    CHECK(bytes.len > 0 && memcmp(bytes.ptr, "POST /api/v3/ping HTTP/1.1\r\n", 28) == 0);
}

static void response_is_null(void) {
    vp_str value;
    uint64_t number;
    CHECK_EQ(vp_response_status(NULL), 0);
    CHECK_EQ(vp_response_is_complete(NULL), 0);
    CHECK_EQ(vp_response_version(NULL), 0);
    CHECK_EQ(vp_response_header_count(NULL), 0);
    CHECK_EQ(vp_response_reason(NULL).len, 0);
    CHECK_EQ(vp_response_body(NULL).len, 0);
    CHECK_STATUS(vp_response_header_at(NULL, 0, &value, &value), VP_ERR_NULL);
    CHECK_STATUS(vp_response_header_find(NULL, text("a"), &value), VP_ERR_NULL);
    CHECK_STATUS(vp_response_watched(NULL, 0, &value), VP_ERR_NULL);
    CHECK_STATUS(vp_response_watched_u64(NULL, 0, &number), VP_ERR_NULL);
    CHECK_STATUS(vp_response_retain(NULL), VP_ERR_NULL);
    vp_response_release(NULL);
}

static void response_gets_nothing(vp_response *response) {
    vp_str value;
    uint64_t number;
    OK(vp_response_header_at(response, 0, NULL, NULL));
    CHECK_STATUS(vp_response_header_at(response, SIZE_MAX, NULL, NULL), VP_ERR_NOT_FOUND);
    CHECK_STATUS(vp_response_header_find(response, text("a"), NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_response_header_find(response, BROKEN, &value), VP_ERR_NULL);
    CHECK_STATUS(vp_response_header_find(response, NOTHING, &value), VP_ERR_NOT_FOUND);
    CHECK_STATUS(vp_response_watched(response, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_response_watched(response, 0, &value), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_response_watched_u64(response, 0, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_response_watched_u64(response, UINT32_MAX, &number), VP_ERR_ARGUMENT);
}

static void never_told_of_ws(void *context, const vp_ws_event *event) {
    (void)context;
    (void)event;
    CHECK_FAIL("an event of a session that was never opened");
}

/* The settings of a session. */
static void ws_config(vp_ws_config *config) {
    CHECK_STATUS(vp_ws_config_new(NULL), VP_ERR_NULL);
    vp_ws_config_free(NULL);
    CHECK_STATUS(vp_ws_config_add_header(NULL, text("a"), text("b")), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_add_header(config, BROKEN, text("b")), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_add_header(config, NOTHING, text("b")), VP_ERR_HEADER_NAME);
    CHECK_STATUS(vp_ws_config_add_subprotocol(NULL, text("a")), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_add_subprotocol(config, NOTHING), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_add_opening(NULL, VP_WS_TEXT, NOTHING, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_add_opening(config, VP_WS_TEXT, BROKEN, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_add_opening(config, 3, NOTHING, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_add_opening(config, VP_WS_TEXT, NOTHING, 2), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_add_opening_function(config, VP_WS_TEXT, NULL, NULL, 0),
                 VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_on_acknowledge(NULL, NULL, NULL), VP_ERR_NULL);
    OK(vp_ws_config_set_on_acknowledge(config, NULL, NULL));
    CHECK_STATUS(vp_ws_config_set_on_match(NULL, NULL, NULL), VP_ERR_NULL);
    OK(vp_ws_config_set_on_match(config, NULL, NULL));
    CHECK_STATUS(vp_ws_config_set_keep_alive(NULL, 1, 1, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_keep_alive(config, 1, 0, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_text_ping(NULL, VP_WS_TEXT, NOTHING, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_text_ping(config, VP_WS_TEXT, BROKEN, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_text_ping(config, VP_WS_TEXT, NOTHING, BROKEN), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_text_ping(config, VP_WS_TEXT, VP_STR("ping"), NOTHING),
                 VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_text_ping(config, 3, VP_STR("ping"), VP_STR("pong")),
                 VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_source(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_source(config, 64), VP_ERR_ARGUMENT);
    OK(vp_ws_config_set_source(config, VP_SOURCE_ANY));
    CHECK_STATUS(vp_ws_config_set_connections(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_connections(config, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_connections(config, 9), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_max_age_ns(NULL, 1, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_max_age_ns(config, 1, UINT64_MAX), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_timeouts(NULL, 1, 1, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_timeouts(config, 0, 1, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_queue(NULL, 1, VP_WS_DROP_OLDEST), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_queue(config, 0, VP_WS_CLOSE), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_queue(config, 1, 2), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_sizes(NULL, 1, 1, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_sizes(config, 1, 0, 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_counts(NULL, 1, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_counts(config, 1, 0), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_waiting(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_waiting(config, (1u << 20) + 1), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_config_set_codec(NULL, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_config_set_codec(config, 4), VP_ERR_ARGUMENT);
}

static void ws_frame_is_null(void) {
    vp_ws_frame *frame = NULL;
    uint8_t *room;
    CHECK_STATUS(vp_ws_frame_new(NULL, 1, &frame), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_frame_room(NULL, &room, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_frame_set_on_send(NULL, NULL, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_frame_set_lane(NULL, VP_LANE_URGENT), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_send_frame(NULL, frame, VP_WS_TEXT, 1, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_call_frame(NULL, frame, VP_WS_TEXT, 1, 1, 1, 1, NULL), VP_ERR_NULL);
    vp_ws_frame_free(NULL);
}

static void ws(void) {
    vp_config *config = venue_config(1);
    vp_ws_config *settings;
    vp_ws *session = NULL;
    vp_ws_event event = {.struct_size = sizeof event};
    vp_ws_health health = {.struct_size = sizeof health};
    int32_t fd = 0;
    OK(vp_ws_config_new(&settings));
    ws_config(settings);
    vp_str path = text("/");
    vp_error error = {.struct_size = 8};
    CHECK(strcmp(vp_ws_loss_name(0), "VP_UNKNOWN") == 0);
    CHECK_STATUS(vp_ws_open(NULL, settings, path, NULL, NULL, &session, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_open(config, NULL, path, NULL, NULL, &session, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_open(config, settings, BROKEN, NULL, NULL, &session, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_open(config, settings, path, NULL, NULL, NULL, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_open(config, settings, path, NULL, NULL, &session, &error),
                 VP_ERR_STRUCT_SIZE);
    OK(vp_ws_config_add_opening(settings, VP_WS_TEXT, path, VP_WS_AWAIT));
    CHECK_STATUS(vp_ws_open(config, settings, path, never_told_of_ws, NULL, &session, NULL),
                 VP_ERR_ARGUMENT);
    CHECK(session == NULL);
    CHECK_STATUS(vp_ws_send(NULL, VP_WS_TEXT, path, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_call(NULL, VP_WS_TEXT, path, 1, 1, 1, NULL), VP_ERR_NULL);
    ws_frame_is_null();
    CHECK_STATUS(vp_ws_cancel(NULL, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_poll(NULL, &event, 1), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_wait(NULL, &event, 1, 0), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_fd(NULL, &fd), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_state(NULL, &health), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_shutdown(NULL, 1000, NOTHING), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_close(NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_data_retain(NULL), VP_ERR_NULL);
    vp_ws_data_release(NULL);
    vp_ws_config_free(settings);
    vp_config_free(config);
}

int main(void) {
    version();
    ws();
    config_is_null();
    vp_config *config = venue_config(2);
    config_gets_nothing(config);
    thread_is_null(config);
    open_with(config);
    refused_settings_are_remembered(config);
    vp_config_free(config);
    config = venue_config(2);
    OK(vp_config_set_recorder(config, 16));
    CHECK_STATUS(vp_config_set_recorder_heads(config, 63), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_config_set_recorder_heads(config, 4097), VP_ERR_ARGUMENT);
    OK(vp_config_set_recorder_heads(config, 4096));
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);

    vp_request *request;
    OK(vp_request_new(pool, &request));
    CHECK_STATUS(vp_submit(pool, request, 0, NULL), VP_ERR_PHASE); /* Nothing was begun. */
    OK(vp_request_set_tag(request, text("4711")));
    request_is_null();
    request_gets_nothing(request);
    OK(vp_request_begin(request, text("GET"), text("/api/v3/ping")));
    pool_is_null(request);
    pool_gets_nothing(pool, request);
    histogram(pool);
    metrics(pool);
    group_is_null(pool);
    group_gets_nothing(pool);
    CHECK_EQ(venue_count("requests"), 0);

    vp_completion completion = empty_completion();
    OK(vp_execute(pool, request, 0, &completion));
    CHECK_EQ(completion.http_status, 200);
    recorder(pool, completion.id);
    response_is_null();
    CHECK_EQ(vp_response_is_complete(completion.response), 1);
    response_gets_nothing(completion.response);
    vp_response_release(completion.response);
    vp_request_free(request);
    OK(vp_pool_close(pool));
    return 0;
}
