/* scene: fixtures for the tests of calls: a client and its calls, in memory that checks its blocks; functions that take
 * a call through its steps; and a tenant that serves lists. */
#ifndef SPEC_CORE_SCENE_H
#define SPEC_CORE_SCENE_H

#include "core/call.h"
#include "support.h"

/* BEGIN is when the calls begin, in seconds of a clock that started earlier. These times are exact in binary, so that
 * sums and differences are exact, too. */
extern const double BEGIN;
extern const double TIMEOUT;
extern const double MILLISECOND; /* 1/1024 s */

enum { CROWD = 64 }; /* calls at the same time */

extern struct memory memory;
extern struct client client;
extern struct call call;
extern struct call crowd[CROWD];

/* Replaces `call` with a call of this operation. */
void open_call(const char *name);

/* Opens another call of the client, for this user. */
void open_another(struct call *another, const struct operation *operation, const char *user);

/* Opens the whole crowd: lists of the permissions of different users. */
void open_crowd(void);

/* Fixtures. The client's token is "s3cr3t", and no block may contain it when it is freed. */
int open_removal(void **state);
int open_list(void **state);
int open_without_token(void **state);
/* A client that fetches its tokens, with the secret "s3cr3t-0f-the-client"; the call is a list. */
int open_with_secret(void **state);
int close_all(void **state);

#define REMOVAL(test) cmocka_unit_test_setup_teardown(test, open_removal, close_all)
#define LIST(test) cmocka_unit_test_setup_teardown(test, open_list, close_all)
#define TOKENLESS(test) cmocka_unit_test_setup_teardown(test, open_without_token, close_all)

#define FETCHING(test) cmocka_unit_test_setup_teardown(test, open_with_secret, close_all)

/* Checks that the call wants to send its request. */
void send_at(double now);

/* Checks that the call wants to send its own request (not one for a token), with this token. */
void send_with(struct call *sender, const char *token, double now);

/* Checks that the call wants to send a token request. */
void fetch_at(struct call *fetcher, double now);

/* Responds to the token request: with this token, or with an error status (`retry_after`: seconds, -1 for none). */
void give_token(struct call *fetcher, const char *token, double expires_in, double now);
void refuse_token(struct call *fetcher, int status, double retry_after, double now);

/* The call fetches this token, which takes no time; its own request is next. */
void fetch_token(struct call *fetcher, const char *token, double expires_in, double now);

/* Checks that the call waits for this number of seconds. */
void assert_waits(struct call *waiting, double seconds, double now);

/* The call's own request succeeds. */
void succeed_at(struct call *sender, double now);

/* Feeds a response without a body, and checks that the call does not keep it. */
void feed_status(int status);
void feed_status_at(struct call *sender, int status, double retry_after, double now);

/* Seconds after which a call that the rate limit holds up checks again. */
extern const double RATE_LOOK;

/* The rate limit refuses everything for `seconds` from now on. */
void hold_rate(double seconds, double now);

/* Fails the call's request, or the call. */
void fail_at(struct call *failing, enum failure_kind kind, bool maybe_read, double now);

/* Ends the call with a failure whose message is "broken". */
void fail_with(enum failure_kind kind, bool maybe_read, double now);

/* Checks that the call is done with an error of this kind, or without one, and has freed its request. */
void assert_done(enum error_kind kind);
void assert_ended(struct call *ended, enum error_kind kind);

/* Returns a page as a tenant describes it; -1 for a member that it leaves out. */
struct response page_of(long long start, long long limit, long long total, long long items);

/* Returns the page that a tenant with a list of `total` items and at most `cap` items per page sends in response to the
 * request in flight. */
struct response requested_page(long long cap, long long total);

#endif
