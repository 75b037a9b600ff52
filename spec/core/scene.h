/* scene: what the tests of calls play with: a client and one of its calls, in a memory that watches over its blocks;
 * steps that a call takes; and a tenant that gives lists. */
#ifndef SPEC_CORE_SCENE_H
#define SPEC_CORE_SCENE_H

#include "call.h"
#include "support.h"

/* When the calls begin, in seconds of a clock that began long ago, and other times. They are exact in binary, so that
 * sums and differences are, too. */
extern const double BEGIN;
extern const double TIMEOUT;
extern const double MILLISECOND; /* 1/1024 s */

extern struct memory memory;
extern struct client client;
extern struct call call;

/* A call of this operation, in place of the one before. */
void open_call(const char *name);

/* Fixtures. The token of the client is "s3cr3t", and no block may come back with it. */
int open_removal(void **state);
int open_list(void **state);
int open_without_token(void **state);
int close_all(void **state);

#define REMOVAL(test) cmocka_unit_test_setup_teardown(test, open_removal, close_all)
#define LIST(test) cmocka_unit_test_setup_teardown(test, open_list, close_all)
#define TOKENLESS(test) cmocka_unit_test_setup_teardown(test, open_without_token, close_all)

/* The call has to ask to send its request. */
void send_at(double now);

/* Feeds an answer without a body; nothing of it is to be kept. */
void feed_status(int status);

/* Ends the call with a failure whose message is "broken". */
void fail_with(enum failure_kind kind, bool maybe_read, double now);

/* The call is done with an error of this kind, or none, and nothing of its request is left. */
void assert_done(enum error_kind kind);

/* A page as a tenant describes it; -1 for what it leaves out. */
struct response page_of(long long start, long long limit, long long total, long long items);

/* The page with which a tenant that has a list of `total` items, and gives `cap` of them at most, answers the request
 * on its way. */
struct response answer_page(long long cap, long long total);

#endif
