#include "bucket.h"

#include "support.h"

TEST(a_new_bucket_lets_every_request_pass_at_once) {
  struct bucket bucket;
  bucket_open(&bucket);
  assert_seconds(bucket_wait(&bucket, 0), 0);
  assert_seconds(bucket_wait(&bucket, 1000000), 0);
}

TEST(a_request_waits_until_the_bucket_is_ready_and_no_longer) {
  struct bucket bucket;
  bucket_open(&bucket);
  bucket.ready_at = 10;
  assert_seconds(bucket_wait(&bucket, 7.5), 2.5);
  assert_seconds(bucket_wait(&bucket, 10), 0);
  assert_seconds(bucket_wait(&bucket, 11), 0);
}

int test_bucket(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_bucket_lets_every_request_pass_at_once),
      cmocka_unit_test(a_request_waits_until_the_bucket_is_ready_and_no_longer),
  };
  return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
