/* scene: what the tests of calls play with: a client and one of its calls, in a memory that watches over its blocks;
 * steps that a call takes; and a tenant that gives lists. */
#ifndef SPEC_CORE_SCENE_H
#define SPEC_CORE_SCENE_H

#include "core/call.h"
#include "support.h"

/* When the calls begin, in seconds of a clock that began long ago, and other times. They are exact in binary, so that
 * sums and differences are, too. */
extern const double BEGIN;
extern const double TIMEOUT;
extern const double MILLISECOND; /* 1/1024 s */

enum { CROWD = 64 }; /* calls at once */

extern struct memory memory;
extern struct client client;
extern struct call call;
extern struct call crowd[CROWD];

/* A call of this operation, in place of the one before. */
void open_call(const char *name);

/* Another call of the client, about this user. */
void open_another(struct call *another, const struct operation *operation, const char *user);

/* All of the crowd, as lists of the permissions of different users. */
void open_crowd(void);

/* Fixtures. The token of the client is "s3cr3t", and no block may come back with it. */
int open_removal(void **state);
int open_list(void **state);
int open_without_token(void **state);
/* The client fetches its tokens, with the secret "s3cr3t-0f-the-client"; the call is a list. */
int open_with_secret(void **state);
int close_all(void **state);

#define REMOVAL(test) cmocka_unit_test_setup_teardown(test, open_removal, close_all)
#define LIST(test) cmocka_unit_test_setup_teardown(test, open_list, close_all)
#define TOKENLESS(test) cmocka_unit_test_setup_teardown(test, open_without_token, close_all)

#define FETCHING(test) cmocka_unit_test_setup_teardown(test, open_with_secret, close_all)

/* The call has to ask to send its request. */
void send_at(double now);

/* The call has to ask to send its own request, with this token. */
void send_with(struct call *sender, const char *token, double now);

/* The call has to ask to send a request for a token. */
void fetch_at(struct call *fetcher, double now);

/* Answers the request for a token: with this one, or with an error status (`retry_after`: seconds, -1 for none). */
void give_token(struct call *fetcher, const char *token, double expires_in, double now);
void refuse_token(struct call *fetcher, int status, double retry_after, double now);

/* The call fetches this token now, without losing time; its own request is next. */
void fetch_token(struct call *fetcher, const char *token, double expires_in, double now);

/* The call has to wait, for so long. */
void assert_waits(struct call *waiting, double seconds, double now);

/* The call's own request succeeds. */
void succeed_at(struct call *sender, double now);

/* Feeds an answer without a body; nothing of it is to be kept. */
void feed_status(int status);
void feed_status_at(struct call *sender, int status, double retry_after, double now);

/* How often a call that the rate limit holds up looks again, in seconds. */
extern const double RATE_LOOK;

/* The rate limit refuses everything for so many seconds from now on. */
void hold_rate(double seconds, double now);

/* Fails the call's request, or the call. */
void fail_at(struct call *failing, enum failure_kind kind, bool maybe_read, double now);

/* Ends the call with a failure whose message is "broken". */
void fail_with(enum failure_kind kind, bool maybe_read, double now);

/* The call is done with an error of this kind, or none, and nothing of its request is left. */
void assert_done(enum error_kind kind);
void assert_ended(struct call *ended, enum error_kind kind);

/* A page as a tenant describes it; -1 for what it leaves out. */
struct response page_of(long long start, long long limit, long long total, long long items);

/* The page with which a tenant that has a list of `total` items, and gives `cap` of them at most, answers the request
 * on its way. */
struct response answer_page(long long cap, long long total);

#endif
