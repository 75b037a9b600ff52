/* Runs the tests of all rooms of the core. The exit status is 0 if none failed. */
int test_assertion(void);
int test_bucket(void);
int test_buffer(void);
int test_call(void);
int test_checkpoints(void);
int test_client(void);
int test_days(void);
int test_encode(void);
int test_error(void);
int test_fetch(void);
int test_operation(void);
int test_pages(void);
int test_queue(void);
int test_receiver(void);
int test_request(void);
int test_response(void);
int test_retry(void);
int test_shape(void);
int test_share(void);
int test_token(void);
int test_attempts(void);
int test_turmoil(void);
int test_watcher(void);
int test_writers(void);

int main(void) {
  int failed = 0;
  failed += test_assertion(); /* first: it replaces the memory functions of OpenSSL */
  failed += test_buffer();
  failed += test_error();
  failed += test_encode();
  failed += test_operation();
  failed += test_shape();
  failed += test_response();
  failed += test_retry();
  failed += test_bucket();
  failed += test_token();
  failed += test_writers();
  failed += test_request();
  failed += test_client();
  failed += test_call();
  failed += test_pages();
  failed += test_attempts();
  failed += test_fetch();
  failed += test_share();
  failed += test_queue();
  failed += test_receiver();
  failed += test_watcher();
  failed += test_days();
  failed += test_turmoil();
  failed += test_checkpoints();
  return failed != 0;
}
