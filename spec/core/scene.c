#include "scene.h"

#include <stdio.h>
#include <string.h>

const double BEGIN = 1000.5;
const double TIMEOUT = 60;
const double MILLISECOND = 0.0009765625;
const double RATE_LOOK = 0.25;

struct memory memory;
struct client client;
struct call call;
struct call crowd[CROWD];

static void open_client(struct text token, const struct credentials_options *credentials) {
  struct client_options options = client_defaults();
  struct error error;
  memory_open(&memory);
  memory.secret = TEXT("s3cr3t");
  memset(&client, 0, sizeof client);
  memset(&crowd, 0, sizeof crowd);
  options.domain = TEXT("acme.eu.auth0.com");
  options.lua_version = TEXT("5.4");
  options.token = token;
  options.random = 0x9E3779B97F4A7C15;
  if (credentials) options.credentials = *credentials;
  assert_true(client_open(&client, &options, memory_allocator(&memory), &error));
}

void open_another(struct call *another, const struct operation *operation, const char *user) {
  struct error error;
  call_open(another, &client, operation);
  if (strchr(operation->path, '{')) assert_true(request_identify(&another->request, "user_id", text_of(user), &error));
  if (operation->body == BODY_PERMISSIONS) {
    struct request *request = &another->request;
    assert_true(request_add_permission(request, TEXT("https://api.example.com/"), TEXT("read:reports"), &error));
    assert_true(request_end_list(request, &error));
  }
}

void open_call(const char *name) {
  open_another(&call, operation_find(name), "auth0|1");
}

void open_crowd(void) {
  char user[20];
  for (int i = 0; i < CROWD; i++) {
    snprintf(user, sizeof user, "auth0|%d", i);
    open_another(&crowd[i], operation_find("list_user_permissions"), user);
  }
}

int open_removal(void **state) {
  (void)state;
  open_client(TEXT("s3cr3t"), NULL);
  open_call("remove_user_permissions");
  return 0;
}

int open_list(void **state) {
  (void)state;
  open_client(TEXT("s3cr3t"), NULL);
  open_call("list_user_permissions");
  return 0;
}

int open_without_token(void **state) {
  (void)state;
  open_client((struct text){0}, NULL);
  open_call("remove_user_permissions");
  return 0;
}

int open_with_secret(void **state) {
  (void)state;
  struct credentials_options credentials = {.client_id = TEXT("me"), .client_secret = TEXT("s3cr3t-0f-the-client")};
  open_client((struct text){0}, &credentials);
  open_call("list_user_permissions");
  return 0;
}

int close_all(void **state) {
  (void)state;
  call_close(&call);
  for (size_t i = 0; i < CROWD; i++) call_close(&crowd[i]);
  client_close(&client);
  memory_assert_all_back(&memory);
  return 0;
}

void send_at(double now) {
  assert_int_equal(call_next(&call, now), CALL_SEND);
  assert_int_equal(call.state, CALL_SENDING);
}

void send_with(struct call *sender, const char *token, double now) {
  assert_int_equal(call_next(sender, now), CALL_SEND);
  assert_null(sender->token_request);
  assert_ptr_equal(call_request(sender), &sender->request);
  assert_text(sender->request.secret, token);
}

void fetch_at(struct call *fetcher, double now) {
  assert_int_equal(call_next(fetcher, now), CALL_SEND);
  assert_non_null(fetcher->token_request);
  assert_ptr_equal(call_request(fetcher), fetcher->token_request);
  assert_ptr_equal(client.token.fetcher, fetcher);
}

void give_token(struct call *fetcher, const char *token, double expires_in, double now) {
  struct response response;
  response_open(&response, 200);
  response.body = RESPONSE_OBJECT;
  response.access_token = text_of(token);
  response.expires_in = expires_in;
  assert_non_null(fetcher->token_request);
  assert_false(call_feed(fetcher, &response, now));
}

void refuse_token(struct call *fetcher, int status, double retry_after, double now) {
  assert_non_null(fetcher->token_request);
  feed_status_at(fetcher, status, retry_after, now);
}

void fetch_token(struct call *fetcher, const char *token, double expires_in, double now) {
  fetch_at(fetcher, now);
  give_token(fetcher, token, expires_in, now);
}

void assert_waits(struct call *waiting, double seconds, double now) {
  assert_int_equal(call_next(waiting, now), CALL_WAIT);
  assert_seconds(waiting->wait, seconds);
}

void succeed_at(struct call *sender, double now) {
  struct response response;
  response_open(&response, sender->operation->success);
  if (sender->operation->result == RESULT_LIST) response = page_of(0, 100, 0, 0);
  assert_null(sender->token_request);
  assert_false(call_feed(sender, &response, now));
  assert_ended(sender, ERROR_NONE);
}

void feed_status(int status) {
  feed_status_at(&call, status, -1, BEGIN);
}

void feed_status_at(struct call *sender, int status, double retry_after, double now) {
  struct response response;
  response_open(&response, status);
  response.retry_seconds = retry_after;
  assert_false(call_feed(sender, &response, now));
}

void hold_rate(double seconds, double now) {
  struct bucket_response response = {.refused = true, .limit = -1, .remaining = -1, .retry_after = seconds};
  response.ticket = bucket_sent(&client.bucket, now);
  bucket_received(&client.bucket, &response, now);
  assert_seconds(bucket_wait(&client.bucket, now), seconds);
}

void fail_at(struct call *failing, enum failure_kind kind, bool maybe_read, double now) {
  call_fail(failing, &(struct failure){.kind = kind, .maybe_read = maybe_read, .message = "broken"}, now);
}

void fail_with(enum failure_kind kind, bool maybe_read, double now) {
  fail_at(&call, kind, maybe_read, now);
}

void assert_ended(struct call *ended, enum error_kind kind) {
  assert_int_equal(ended->state, CALL_FINISHED);
  assert_string_equal(error_kind_name(ended->error.kind), error_kind_name(kind));
  assert_int_equal(call_next(ended, BEGIN), CALL_DONE);
  assert_null(ended->request.url);
  assert_null(ended->token_request);
  assert_false(ended->writer.waiting);
  assert_ptr_not_equal(client.token.fetcher, ended);
}

void assert_done(enum error_kind kind) {
  assert_ended(&call, kind);
}

struct response page_of(long long start, long long limit, long long total, long long items) {
  struct response response;
  response_open(&response, 200);
  response.body = RESPONSE_OBJECT;
  response.start = start;
  response.limit = limit;
  response.total = total;
  response.item_count = items;
  return response;
}

static long long smaller(long long a, long long b) {
  return a < b ? a : b;
}

struct response requested_page(long long cap, long long total) {
  long long per_page, number;
  assert_int_equal(sscanf(strchr(call.request.url, '?'), "?per_page=%lld&page=%lld", &per_page, &number), 2);
  long long limit = smaller(per_page, cap);
  long long start = limit * number;
  return page_of(start, limit, total, start < total ? smaller(limit, total - start) : 0);
}
