#include "scene.h"

#include <stdio.h>
#include <string.h>

const double BEGIN = 1000.5;
const double TIMEOUT = 60;
const double MILLISECOND = 0.0009765625;

struct memory memory;
struct client client;
struct call call;

static void open_client(struct text token) {
  struct client_options options = client_defaults();
  struct error error;
  memory_open(&memory);
  memory.secret = TEXT("s3cr3t");
  memset(&client, 0, sizeof client);
  options.domain = TEXT("acme.eu.auth0.com");
  options.lua_version = TEXT("5.4");
  options.token = token;
  assert_true(client_open(&client, &options, memory_allocator(&memory), &error));
}

void open_call(const char *name) {
  struct error error;
  call_open(&call, &client, operation_find(name));
  if (call.operation->id_name) assert_true(request_identify(&call.request, TEXT("auth0|1"), &error));
  if (call.operation->body == BODY_PERMISSIONS) {
    assert_true(request_add_permission(&call.request, TEXT("https://api.example.com/"), TEXT("read:reports"), &error));
    assert_true(request_end_list(&call.request, &error));
  }
}

int open_removal(void **state) {
  (void)state;
  open_client(TEXT("s3cr3t"));
  open_call("remove_user_permissions");
  return 0;
}

int open_list(void **state) {
  (void)state;
  open_client(TEXT("s3cr3t"));
  open_call("list_user_permissions");
  return 0;
}

int open_without_token(void **state) {
  (void)state;
  open_client((struct text){0});
  open_call("remove_user_permissions");
  return 0;
}

int close_all(void **state) {
  (void)state;
  call_close(&call);
  client_close(&client);
  memory_assert_all_back(&memory);
  return 0;
}

void send_at(double now) {
  assert_int_equal(call_next(&call, now), CALL_SEND);
  assert_int_equal(call.state, CALL_SENDING);
}

void feed_status(int status) {
  struct response response;
  response_open(&response, status);
  assert_false(call_feed(&call, &response, BEGIN));
}

void fail_with(enum failure_kind kind, bool maybe_read, double now) {
  call_fail(&call, &(struct failure){.kind = kind, .maybe_read = maybe_read, .message = "broken"}, now);
}

void assert_done(enum error_kind kind) {
  assert_int_equal(call.state, CALL_FINISHED);
  assert_int_equal(call.error.kind, kind);
  assert_int_equal(call_next(&call, BEGIN), CALL_DONE);
  assert_null(call.request.url);
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

struct response answer_page(long long cap, long long total) {
  long long per_page, number;
  assert_int_equal(sscanf(strchr(call.request.url, '?'), "?per_page=%lld&page=%lld", &per_page, &number), 2);
  long long limit = smaller(per_page, cap);
  long long start = limit * number;
  return page_of(start, limit, total, start < total ? smaller(limit, total - start) : 0);
}
