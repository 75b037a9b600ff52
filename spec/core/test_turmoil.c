/* Turmoil: many calls of one client get responses, failures, cancels and silence in any order. Whatever happens, each
 * call ends by its deadline and leaks nothing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scene.h"

enum { ROUNDS = 300, STEPS = 2000, USERS = 3 };

static uint64_t state_of_chance;

/* A number from 0 to `most` - 1 (xorshift64). */
static unsigned chance(unsigned most) {
  state_of_chance ^= state_of_chance << 13;
  state_of_chance ^= state_of_chance >> 7;
  state_of_chance ^= state_of_chance << 17;
  return (unsigned)((state_of_chance >> 20) % most);
}

static void begin_call(struct call *fresh) {
  static const char *const names[] = {"remove_user_permissions", "assign_user_permissions", "list_user_permissions"};
  static const double timeouts[] = {0.5, 5, 60, 300};
  char user[20];
  snprintf(user, sizeof user, "auth0|%u", chance(USERS));
  open_another(fresh, operation_find(names[chance(3)]), user);
  fresh->timeout = timeouts[chance(4)];
}

static void end_request(struct call *sender, double now) {
  static const int statuses[] = {200, 200, 200, 400, 401, 403, 408, 429, 429, 500, 503};
  static const double pauses[] = {-1, -1, -1, 0, 1, 7, 100};
  static const double lives[] = {-1, 0.25, 1, 60, 600, 3600};
  if (chance(4) == 0) {
    fail_at(sender, (enum failure_kind)chance(FAILURE_MEMORY + 1), chance(2), now);
    return;
  }
  struct response response;
  response_open(&response, statuses[chance(COUNT(statuses))]);
  response.retry_seconds = pauses[chance(COUNT(pauses))];
  if (sender->token_request) {
    response.access_token = TEXT("s3cr3t-1");
    response.expires_in = lives[chance(COUNT(lives))];
  } else if (response.status == 200) {
    if (sender->operation->result == RESULT_LIST) {
      response = page_of(sender->pages.received, 100, chance(2) ? 1000000 : sender->pages.received + 100, 100);
    }
    response.status = sender->operation->success;
  }
  call_feed(sender, &response, now);
}

/* One call makes a step. */
static void step(struct call *moving, double now) {
  if (!moving->client) {
    begin_call(moving);
  } else if (chance(50) == 0) {
    fail_at(moving, FAILURE_CANCELED, moving->state == CALL_SENDING, now);
  } else if (chance(100) == 0) {
    call_close(moving);
    *moving = (struct call){0};
    return;
  } else if (moving->state == CALL_SENDING) {
    if (now >= moving->deadline) {
      fail_at(moving, FAILURE_TIMEOUT, true, now);
      assert_int_equal(moving->state, CALL_FINISHED);
    } else if (chance(3)) {
      end_request(moving, now);
    }
    return;
  }
  switch (call_next(moving, now)) {
    case CALL_SEND:
      assert_true(now < moving->deadline);
      assert_true(call_request(moving)->time_limit > 0);
      assert_true(now + call_request(moving)->time_limit <= moving->deadline + 1e-6);
      break;
    case CALL_WAIT:
      assert_true(moving->wait > 0);
      assert_true(now + moving->wait <= moving->deadline + 1e-6);
      break;
    case CALL_DONE:
      assert_ended(moving, moving->error.kind);
      call_close(moving);
      *moving = (struct call){0};
      break;
    case CALL_SHARE:
    case CALL_AUTHORIZE: fail_msg("a client with a secret must not ask its host");
  }
}

/* Checks that all in this line, and in those below it, are waiting. */
static void check_lines(const struct writer *first) {
  if (!first) return;
  for (const struct writer *writer = first; writer; writer = writer->next) assert_true(writer->waiting);
  for (int i = 0; i < WRITERS_CHILDREN; i++) check_lines(first->children[i]);
}

/* Checks that no call that is gone is still the fetcher, or still in a list of writers. */
static void check_order(void) {
  const void *fetcher = client.token.fetcher;
  bool there = !fetcher;
  for (int i = 0; i < CROWD; i++) there = there || (crowd[i].client && fetcher == &crowd[i]);
  assert_true(there);
  check_lines(client.writers.root);
}

TEST(in_any_turmoil_each_call_ends_by_its_deadline_and_leaks_nothing) {
  state_of_chance = 0x9E3779B97F4A7C15;
  for (int round = 0; round < ROUNDS; round++) {
    static const double paces[] = {0.001, 0.02, 0.5};
    double now = BEGIN, pace = paces[chance(3)];
    unsigned size = 1 + chance(8);
    for (int i = 0; i < STEPS; i++) {
      step(&crowd[chance(size)], now);
      check_order();
      now += pace * chance(10);
    }
    for (int i = 0; i < CROWD; i++) {
      if (!crowd[i].client) continue;
      if (crowd[i].state == CALL_SENDING) {
        fail_at(&crowd[i], FAILURE_TIMEOUT, false, now + 1000);
      } else {
        assert_int_equal(call_next(&crowd[i], now + 1000), CALL_DONE);
      }
      assert_int_equal(crowd[i].state, CALL_FINISHED);
      call_close(&crowd[i]);
      crowd[i] = (struct call){0};
    }
    assert_null(client.token.fetcher);
    assert_null(client.writers.root);
    close_all(NULL);
    open_with_secret(NULL);
  }
}

int test_turmoil(void) {
  static const struct CMUnitTest tests[] = {
      FETCHING(in_any_turmoil_each_call_ends_by_its_deadline_and_leaks_nothing),
  };
  return cmocka_run_group_tests_name("turmoil", tests, NULL, NULL);
}
