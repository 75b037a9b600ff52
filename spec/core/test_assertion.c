/* RAND_set_rand_method, which makes random numbers fail, has no successor in OpenSSL 3. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "core/assertion.h"

#include <math.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum {
  MOST = 2048, /* bytes of an assertion */
  JTI_LENGTH = 22,
  SERIES = 1000 /* assertions in a row */
};

static const double NOW = 1700000000.9;

/* The key of most tests, its other half, and its PEM forms. */
static EVP_PKEY *rsa, *public_half;
static struct text pkcs8, pkcs1;

static struct memory memory;
static struct buffer buffer;
static struct error error;

/* --- OpenSSL's memory, whose allocations can be made to fail */

static struct {
  size_t requests; /* allocations since the last reset */
  size_t fail_at;  /* the allocation that fails, counted from 1; 0 for none */
} heap;

static void *heap_resize(void *block, size_t size, const char *file, int line) {
  (void)file, (void)line;
  return ++heap.requests == heap.fail_at ? NULL : realloc(block, size);
}

static void *heap_take(size_t size, const char *file, int line) {
  return heap_resize(NULL, size, file, line);
}

static void heap_give_back(void *block, const char *file, int line) {
  (void)file, (void)line;
  free(block);
}

/* --- keys */

static EVP_PKEY *generate(int type, int bits, int primes) {
  EVP_PKEY *pkey = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(type, NULL);
  assert_non_null(context);
  assert_int_equal(EVP_PKEY_keygen_init(context), 1);
  if (bits) assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits), 1);
  if (primes) assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(context, primes), 1);
  if (type == EVP_PKEY_EC) {
    assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1), 1);
  }
  assert_int_equal(EVP_PKEY_keygen(context, &pkey), 1);
  EVP_PKEY_CTX_free(context);
  return pkey;
}

/* Returns the contents of the BIO as a text, to be freed with text_free. */
static struct text finish(BIO *bio, int written) {
  char *data;
  assert_int_equal(written, 1);
  long length = BIO_get_mem_data(bio, &data);
  struct text text = text_copy((struct text){.data = data, .length = (size_t)length});
  BIO_free(bio);
  return text;
}

/* The key as PKCS#8; encrypted if there is a password. */
static struct text write_pkcs8(EVP_PKEY *pkey, char *password) {
  BIO *bio = BIO_new(BIO_s_mem());
  int length = password ? (int)strlen(password) : 0;
  return finish(
      bio, PEM_write_bio_PKCS8PrivateKey(bio, pkey, password ? EVP_aes_256_cbc() : NULL, password, length, NULL, NULL));
}

/* The key in the form of its kind, PKCS#1 for RSA; encrypted if there is a password. */
static struct text write_traditional(EVP_PKEY *pkey, char *password) {
  BIO *bio = BIO_new(BIO_s_mem());
  int length = password ? (int)strlen(password) : 0;
  return finish(bio, PEM_write_bio_PrivateKey_traditional(bio, pkey, password ? EVP_aes_128_cbc() : NULL,
                                                          (unsigned char *)password, length, NULL, NULL));
}

static struct text write_public(EVP_PKEY *pkey) {
  BIO *bio = BIO_new(BIO_s_mem());
  return finish(bio, PEM_write_bio_PUBKEY(bio, pkey));
}

static struct text join(struct text first, struct text second) {
  char *data = malloc(first.length + second.length);
  assert_non_null(data);
  memcpy(data, first.data, first.length);
  memcpy(data + first.length, second.data, second.length);
  return (struct text){.data = data, .length = first.length + second.length};
}

/* Returns a copy with each line end replaced. */
static struct text replace_line_ends(struct text text, const char *replacement) {
  size_t length = strlen(replacement);
  char *data = malloc(text.length * (length + 1) + 1);
  assert_non_null(data);
  size_t used = 0;
  for (size_t i = 0; i < text.length; i++) {
    bool ends = text.data[i] == '\n';
    memcpy(data + used, ends ? replacement : text.data + i, ends ? length : 1);
    used += ends ? length : 1;
  }
  return (struct text){.data = data, .length = used};
}

static int make_keys(void **state) {
  (void)state;
  rsa = generate(EVP_PKEY_RSA, 2048, 0);
  pkcs8 = write_pkcs8(rsa, NULL);
  pkcs1 = write_traditional(rsa, NULL);
  struct text pem = write_public(rsa);
  BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
  public_half = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
  assert_non_null(public_half);
  BIO_free(bio);
  text_free(pem);
  return 0;
}

static int free_keys(void **state) {
  (void)state;
  EVP_PKEY_free(rsa);
  EVP_PKEY_free(public_half);
  text_free(pkcs8);
  text_free(pkcs1);
  return 0;
}

static int open_memory(void **state) {
  (void)state;
  memory_open(&memory);
  memory.secret = TEXT("s3cr3t");
  buffer_open(&buffer, memory_allocator(&memory), 2 * MOST);
  ERR_clear_error();
  return 0;
}

static int close_memory(void **state) {
  (void)state;
  buffer_close(&buffer);
  memory_assert_all_back(&memory);
  assert_int_equal(ERR_peek_error(), 0);
  return 0;
}

static struct assertion_key *make(struct text pem, const char *algorithm) {
  struct assertion_key *key = assertion_key_new(memory_allocator(&memory), pem, text_of(algorithm), &error);
  if (!key) fail_msg("%s", error.message);
  return key;
}

static bool append(const struct assertion_key *key) {
  return assertion_append(&buffer, key, TEXT("client"), TEXT("https://acme.eu.auth0.com/"), NOW, &error);
}

/* --- reading assertions */

/* The parts of an assertion, decoded except for `input`. */
struct parts {
  char header[MOST], claims[MOST], signature[MOST];
  size_t header_length, claims_length, signature_length;
  struct text input; /* the signed text */
};

/* Decodes base64url up to a dot or the end; returns that position. */
static const char *decode(const char *place, const char *end, char *bytes, size_t *length) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned long bits = 0;
  int count = 0;
  *length = 0;
  for (; place < end && *place != '.'; place++) {
    const char *digit = memchr(alphabet, *place, sizeof alphabet - 1);
    assert_non_null(digit);
    bits = (bits << 6 | (unsigned long)(digit - alphabet)) & 0xFFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[(*length)++] = (char)(bits >> count & 0xFF);
  }
  assert_int_equal(bits & ((1U << count) - 1), 0);
  bytes[*length] = '\0';
  return place;
}

static void take_apart(struct parts *parts, struct text jwt) {
  const char *end = jwt.data + jwt.length;
  assert_true(jwt.length <= MOST);
  const char *first = decode(jwt.data, end, parts->header, &parts->header_length);
  assert_true(first < end);
  const char *second = decode(first + 1, end, parts->claims, &parts->claims_length);
  assert_true(second < end);
  assert_ptr_equal(decode(second + 1, end, parts->signature, &parts->signature_length), end);
  parts->input = (struct text){.data = jwt.data, .length = (size_t)(second - jwt.data)};
}

static struct text text_in(const struct buffer *from) {
  return (struct text){.data = from->data, .length = from->length};
}

/* Checks the signature with that algorithm. PSS must have a salt of exactly 32 bytes. */
static bool is_signed(const struct parts *parts, const EVP_MD *digest, int padding) {
  EVP_PKEY_CTX *settings;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  assert_int_equal(EVP_DigestVerifyInit(context, &settings, digest, NULL, public_half), 1);
  assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(settings, padding), 1);
  if (padding == RSA_PKCS1_PSS_PADDING) {
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, 32), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(settings, EVP_sha256()), 1);
  }
  int result = EVP_DigestVerify(context, (const unsigned char *)parts->signature, parts->signature_length,
                                (const unsigned char *)parts->input.data, parts->input.length);
  EVP_MD_CTX_free(context);
  ERR_clear_error();
  return result == 1;
}

static const char *find_jti(const struct parts *parts) {
  const char *jti = strstr(parts->claims, "\"jti\":\"");
  assert_non_null(jti);
  return jti + strlen("\"jti\":\"");
}

/* --- contents */

TEST(an_assertion_names_its_issuer_audience_and_lifetime) {
  struct parts parts;
  char expected[MOST];
  struct assertion_key *key = make(pkcs8, "RS256");
  assert_true(append(key));
  take_apart(&parts, text_in(&buffer));
  assert_string_equal(parts.header, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}");
  snprintf(expected, sizeof expected,
           "{\"iss\":\"client\",\"sub\":\"client\",\"aud\":\"https://acme.eu.auth0.com/\",\"iat\":1700000000,"
           "\"exp\":1700000060,\"jti\":\"%.*s\"}",
           JTI_LENGTH, find_jti(&parts));
  assert_string_equal(parts.claims, expected);
  assertion_key_free(key);
}

TEST(ids_may_have_any_character_and_are_escaped_as_json) {
  struct parts parts;
  struct assertion_key *key = make(pkcs8, "RS256");
  assert_true(assertion_append(&buffer, key, TEXT("a\"b\\\n\u20ac"), TEXT("https://\"/"), NOW, &error));
  take_apart(&parts, text_in(&buffer));
  assert_contains(parts.claims, "\"iss\":\"a\\\"b\\\\\\n\u20ac\",\"sub\":\"a\\\"b\\\\\\n\u20ac\"");
  assert_contains(parts.claims, "\"aud\":\"https://\\\"/\"");
  assertion_key_free(key);
}

static void check_algorithm(struct text pem, const char *algorithm, const char *name, const EVP_MD *digest,
                            int padding) {
  struct parts parts;
  char part[sizeof "\"alg\":\"?????\""];
  struct assertion_key *key = make(pem, algorithm);
  buffer_cut(&buffer, 0);
  assert_true(append(key));
  take_apart(&parts, text_in(&buffer));
  snprintf(part, sizeof part, "\"alg\":\"%s\"", name);
  assert_contains(parts.header, part);
  assert_int_equal(parts.signature_length, 2048 / 8);
  assert_int_equal(is_signed(&parts, EVP_sha256(), RSA_PKCS1_PADDING), strcmp(name, "RS256") == 0);
  assert_int_equal(is_signed(&parts, EVP_sha384(), RSA_PKCS1_PADDING), strcmp(name, "RS384") == 0);
  assert_true(is_signed(&parts, digest, padding));
  assertion_key_free(key);
}

TEST(each_algorithm_makes_signatures_of_its_kind) {
  check_algorithm(pkcs8, "RS256", "RS256", EVP_sha256(), RSA_PKCS1_PADDING);
  check_algorithm(pkcs8, "RS384", "RS384", EVP_sha384(), RSA_PKCS1_PADDING);
  check_algorithm(pkcs8, "PS256", "PS256", EVP_sha256(), RSA_PKCS1_PSS_PADDING);
}

TEST(the_default_algorithm_is_rs256) {
  check_algorithm(pkcs8, "", "RS256", EVP_sha256(), RSA_PKCS1_PADDING);
}

TEST(a_key_may_be_pkcs1) {
  check_algorithm(pkcs1, "RS256", "RS256", EVP_sha256(), RSA_PKCS1_PADDING);
  check_algorithm(pkcs1, "PS256", "PS256", EVP_sha256(), RSA_PKCS1_PSS_PADDING);
}

TEST(a_signature_does_not_verify_for_other_claims) {
  struct parts parts;
  struct assertion_key *key = make(pkcs8, "PS256");
  assert_true(append(key));
  buffer.data[60] = buffer.data[60] == 'A' ? 'B' : 'A';
  take_apart(&parts, text_in(&buffer));
  assert_false(is_signed(&parts, EVP_sha256(), RSA_PKCS1_PSS_PADDING));
  assertion_key_free(key);
}

static int compare(const void *first, const void *second) {
  return memcmp(first, second, JTI_LENGTH);
}

TEST(a_thousand_assertions_in_one_second_have_different_ids) {
  static char ids[SERIES][JTI_LENGTH];
  struct parts parts;
  struct assertion_key *key = make(pkcs8, "RS256");
  for (size_t i = 0; i < SERIES; i++) {
    buffer_cut(&buffer, 0);
    assert_true(append(key));
    take_apart(&parts, text_in(&buffer));
    memcpy(ids[i], find_jti(&parts), JTI_LENGTH);
  }
  qsort(ids, SERIES, JTI_LENGTH, compare);
  for (size_t i = 1; i < SERIES; i++) assert_memory_not_equal(ids[i - 1], ids[i], JTI_LENGTH);
  assertion_key_free(key);
}

static int count_up(unsigned char *bytes, int length) {
  for (int i = 0; i < length; i++) bytes[i] = (unsigned char)i;
  return 1;
}

TEST(an_id_is_128_bits_from_openssls_random_generator) {
  const RAND_METHOD counting = {.bytes = count_up};
  struct parts parts;
  struct assertion_key *key = make(pkcs8, "RS256");
  assert_int_equal(RAND_set_rand_method(&counting), 1);
  bool appended = append(key);
  RAND_set_rand_method(NULL);
  assert_true(appended);
  take_apart(&parts, text_in(&buffer));
  assert_contains(parts.claims, "\"jti\":\"AAECAwQFBgcICQoLDA0ODw\"}");
  assertion_key_free(key);
}

static int have_none(unsigned char *bytes, int length) {
  (void)bytes, (void)length;
  return 0;
}

TEST(an_assertion_fails_when_there_are_no_random_numbers) {
  const RAND_METHOD exhausted = {.bytes = have_none};
  struct assertion_key *key = make(pkcs8, "RS256");
  assert_int_equal(RAND_set_rand_method(&exhausted), 1);
  bool appended = append(key);
  RAND_set_rand_method(NULL);
  assert_false(appended);
  assert_int_equal(error.kind, ERROR_TOKEN);
  assert_contains(error.message, "random");
  assert_int_equal(buffer.length, 0);
  assertion_key_free(key);
}

TEST(an_assertion_is_appended_to_the_buffer) {
  struct parts parts;
  struct assertion_key *key = make(pkcs8, "RS256");
  buffer_append_string(&buffer, "client_assertion=");
  assert_true(append(key));
  assert_memory_equal(buffer.data, "client_assertion=ey", 19);
  take_apart(&parts, (struct text){.data = buffer.data + 17, .length = buffer.length - 17});
  assert_true(is_signed(&parts, EVP_sha256(), RSA_PKCS1_PADDING));
  assertion_key_free(key);
}

/* --- limits */

/* Checks a refusal: an error of that kind, with that text in its message, and an unchanged buffer. */
static void assert_refused(bool appended, enum error_kind kind, const char *message) {
  assert_false(appended);
  assert_int_equal(error.kind, kind);
  assert_contains(error.message, message);
  assert_text(text_in(&buffer), "before");
}

TEST(the_longest_client_id_is_accepted_and_a_longer_one_refused) {
  struct assertion_key *key = make(pkcs8, "RS256");
  struct text id = text_repeat("x", MOST);
  size_t longest = 0;
  for (id.length = 500; assertion_append(&buffer, key, id, TEXT("https://a/"), NOW, &error); id.length++) {
    longest = buffer.length;
    buffer_cut(&buffer, 0);
  }
  assert_in_range(longest, MOST - 4, MOST);
  buffer_append_string(&buffer, "before");
  assert_refused(assertion_append(&buffer, key, id, TEXT("https://a/"), NOW, &error), ERROR_INVALID,
                 "client_id: too long: the client assertion would exceed 2048 bytes");
  id.length = MOST;
  assert_refused(assertion_append(&buffer, key, id, TEXT("https://a/"), NOW, &error), ERROR_INVALID,
                 "client_id: too long: the client assertion would exceed 2048 bytes");
  text_free(id);
  assertion_key_free(key);
}

TEST(a_buffer_without_room_stays_unchanged) {
  struct assertion_key *key = make(pkcs8, "RS256");
  buffer.limit = 6 + 500;
  buffer_append_string(&buffer, "before");
  assert_refused(append(key), ERROR_INVALID, "does not fit");
  assert_int_equal(buffer.state, BUFFER_FULL);
  assertion_key_free(key);
}

TEST(an_assertion_is_not_appended_to_a_failed_buffer) {
  struct assertion_key *key = make(pkcs8, "RS256");
  buffer_append_string(&buffer, "before");
  buffer.state = BUFFER_NO_MEMORY;
  assert_refused(append(key), ERROR_MEMORY, "not enough memory");
  assertion_key_free(key);
}

TEST(an_invalid_time_is_refused) {
  static const double epochs[] = {-1, NAN, INFINITY, -INFINITY, 1700000000900.0};
  struct assertion_key *key = make(pkcs8, "RS256");
  buffer_append_string(&buffer, "before");
  for (size_t i = 0; i < COUNT(epochs); i++) {
    assert_refused(assertion_append(&buffer, key, TEXT("client"), TEXT("https://a/"), epochs[i], &error), ERROR_INVALID,
                   "expected seconds since 1970");
  }
  assertion_key_free(key);
}

/* --- refused keys */

/* Checks that the key is refused with that text in the message, and that the message contains no eight consecutive
 * bytes from inside the PEM. */
static void check_refused(struct text pem, const char *message) {
  struct text copy = text_copy(pem);
  assert_null(assertion_key_new(memory_allocator(&memory), copy, TEXT("RS256"), &error));
  text_free(copy);
  assert_int_equal(error.kind, ERROR_INVALID);
  assert_contains(error.message, message);
  for (size_t i = 40; i + 8 < pem.length; i++) {
    char part[9] = "";
    memcpy(part, pem.data + i, 8);
    if (part[0] && !strstr(part, "PRIVATE")) assert_lacks(error.message, part);
  }
  memory_assert_all_back(&memory);
  assert_int_equal(ERR_peek_error(), 0);
}

/* The same; frees the PEM. */
static void check_refused_made(struct text pem, const char *message) {
  check_refused(pem, message);
  text_free(pem);
}

TEST(a_key_that_is_not_pem_is_refused) {
  check_refused(TEXT(""), "expected a readable private key in PEM format");
  check_refused((struct text){0}, "expected a readable private key in PEM format");
  check_refused(TEXT("/etc/auth0/private.pem"), "expected a readable private key in PEM format");
  check_refused(TEXT("{\"kty\":\"RSA\",\"d\":\"s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3t\"}"),
                "expected a readable private key in PEM format");
  check_refused(TEXT("-----BEGIN PRIVATE KEY-----"), "expected a readable private key in PEM format");
  check_refused(TEXT("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
                "expected a readable private key in PEM format");
  check_refused(TEXT("\0\0\0\0"), "expected a readable private key in PEM format");
}

TEST(a_damaged_pem_is_refused) {
  struct text half = {.data = pkcs8.data, .length = pkcs8.length / 2};
  check_refused(half, "expected a readable private key in PEM format");
  struct text changed = text_copy(pkcs8);
  memcpy((char *)(uintptr_t)changed.data + 40, "!!!!", 4);
  check_refused_made(changed, "expected a readable private key in PEM format");
}

TEST(a_pem_without_line_ends_is_refused_with_a_hint) {
  check_refused_made(replace_line_ends(pkcs8, " "), "(were its line breaks lost?)");
  check_refused_made(replace_line_ends(pkcs8, "\\n"), "(were its line breaks lost?)");
}

TEST(a_public_key_is_refused) {
  check_refused_made(write_public(rsa), "expected a readable private key in PEM format");
}

TEST(a_pem_of_more_than_64_kib_is_refused) {
  struct text space = text_repeat(" ", 64 * 1024 + 1);
  check_refused(space, "private_key: expected at most 65536 bytes, got 65537");
  space.length--;
  check_refused(space, "expected a readable private key in PEM format");
  text_free(space);
}

static bool prompted;

static int open_prompt(UI *ui) {
  (void)ui;
  prompted = true;
  return 0;
}

TEST(an_encrypted_key_is_refused_without_a_password_prompt) {
  char password[] = "s3cr3t", empty[] = "";
  UI_METHOD *method = UI_create_method("witness");
  assert_int_equal(UI_method_set_opener(method, open_prompt), 0);
  UI_set_default_method(method);
  prompted = false;
  check_refused_made(write_pkcs8(rsa, password), "private_key: expected a key without a password");
  check_refused_made(write_pkcs8(rsa, empty), "private_key: expected a key without a password");
  check_refused_made(write_traditional(rsa, password), "private_key: expected a key without a password");
  UI_set_default_method(UI_OpenSSL());
  UI_destroy_method(method);
  assert_false(prompted);
}

/* Checks that the key is refused in both forms, and frees it. */
static void check_key_refused(EVP_PKEY *pkey, const char *message) {
  struct text pem = write_pkcs8(pkey, NULL);
  EVP_PKEY_free(pkey);
  check_refused_made(pem, message);
}

TEST(a_key_of_another_type_is_refused) {
  check_key_refused(generate(EVP_PKEY_EC, 0, 0), "private_key: expected an RSA key");
  check_key_refused(generate(EVP_PKEY_ED25519, 0, 0), "private_key: expected an RSA key");
  check_key_refused(generate(EVP_PKEY_RSA_PSS, 2048, 0), "private_key: expected an RSA key");
}

TEST(a_short_key_is_refused) {
  check_key_refused(generate(EVP_PKEY_RSA, 1024, 0), "expected a key of 2048 to 8192 bits, got 1024");
  check_key_refused(generate(EVP_PKEY_RSA, 2047, 0), "expected a key of 2048 to 8192 bits, got 2047");
}

/* Keys with five primes are generated in seconds instead of minutes. */
TEST(the_longest_key_is_accepted_and_a_longer_one_refused) {
  struct parts parts;
  EVP_PKEY *pkey = generate(EVP_PKEY_RSA, 8192, 5);
  struct text pem = write_pkcs8(pkey, NULL);
  EVP_PKEY_free(pkey);
  struct assertion_key *key = make(pem, "PS256");
  text_free(pem);
  assert_true(assertion_append(&buffer, key, TEXT("0123456789abcdefghijABCDEFGHIJ01"),
                               TEXT("https://a-tenant-with-a-rather-long-name.eu.auth0.com/"), NOW, &error));
  take_apart(&parts, text_in(&buffer));
  assert_int_equal(parts.signature_length, 8192 / 8);
  assertion_key_free(key);
  buffer_close(&buffer);
  check_key_refused(generate(EVP_PKEY_RSA, 8200, 5), "expected a key of 2048 to 8192 bits, got 8200");
}

TEST(an_unknown_algorithm_is_refused_with_any_key) {
  static const char *const names[] = {"RS512", "rs256", "HS256", "none", "RS25", "RS2566", " RS256"};
  for (size_t i = 0; i < COUNT(names); i++) {
    assert_null(assertion_key_new(memory_allocator(&memory), TEXT(""), text_of(names[i]), &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_contains(error.message, "algorithm: expected \"RS256\", \"RS384\" or \"PS256\"");
  }
  assert_null(assertion_key_new(memory_allocator(&memory), pkcs8, TEXT("RS256\0"), &error));
  assert_int_equal(error.kind, ERROR_INVALID);
}

TEST(a_key_is_found_among_other_text_and_with_any_line_ends) {
  struct text public_pem = write_public(rsa);
  struct text file = join(public_pem, pkcs8);
  assertion_key_free(make(file, "RS256"));
  text_free(public_pem);
  struct text windows = replace_line_ends(file, "\r\n");
  assertion_key_free(make(windows, "RS256"));
  text_free(file);
  text_free(windows);
  struct text unended = text_copy((struct text){.data = pkcs8.data, .length = pkcs8.length - 1});
  assertion_key_free(make(unended, "RS256"));
  text_free(unended);
}

TEST(the_pem_is_not_needed_once_the_key_exists) {
  struct text copy = text_copy(pkcs8);
  struct assertion_key *key = make(copy, "RS256");
  memset((char *)(uintptr_t)copy.data, 'x', copy.length);
  text_free(copy);
  assert_true(append(key));
  assertion_key_free(key);
}

TEST(freeing_a_null_key_does_nothing) {
  assertion_key_free(NULL);
}

/* --- the host's side */

/* The host finds in OpenSSL's error queue exactly what it left there. */
TEST(openssls_error_queue_keeps_the_hosts_errors_and_none_of_ours) {
  assert_null(BIO_new_file("/nowhere/at all", "r"));
  unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
  assert_int_not_equal(first, 0);
  assert_null(assertion_key_new(memory_allocator(&memory), TEXT("bad"), TEXT("RS256"), &error));
  assert_int_equal(error.kind, ERROR_INVALID);
  struct assertion_key *key = make(pkcs8, "RS256");
  assert_true(append(key));
  assertion_key_free(key);
  assert_int_equal(ERR_peek_error(), first);
  assert_int_equal(ERR_peek_last_error(), last);
  ERR_clear_error();
}

/* Makes a key and an assertion with the host's memory, and frees everything. */
static bool play(struct allocator allocator, struct error *failure) {
  struct buffer jwt;
  buffer_open(&jwt, allocator, MOST);
  struct assertion_key *key = assertion_key_new(allocator, pkcs8, TEXT("PS256"), failure);
  bool appended = key && assertion_append(&jwt, key, TEXT("s3cr3t"), TEXT("https://a/"), NOW, failure);
  if (!appended) assert_int_equal(jwt.length, 0);
  assertion_key_free(key);
  buffer_close(&jwt);
  return appended;
}

TEST(each_allocation_from_the_host_may_fail) {
  torture(play);
}

/* OpenSSL survives most failed allocations, and does not always report a lack of memory as such: any kind of error that
 * an assertion can have is accepted, but none may stay in the queue. */
TEST(each_allocation_of_openssl_may_fail) {
  size_t refusals = 0, memories = 0;
  bool ended = false;
  assert_true(play(memory_allocator(&memory), &error));
  for (size_t fail_at = 1; !ended; fail_at++) {
    heap.requests = 0;
    heap.fail_at = fail_at;
    bool played = play(memory_allocator(&memory), &error);
    heap.fail_at = 0;
    ended = heap.requests < fail_at;
    assert_true(played || !ended);
    assert_int_equal(memory.block_count, 0);
    assert_int_equal(ERR_peek_error(), 0);
    if (played) continue;
    refusals++;
    memories += error.kind == ERROR_MEMORY;
    assert_true(error.kind == ERROR_MEMORY || error.kind == ERROR_INVALID || error.kind == ERROR_TOKEN);
  }
  assert_true(memories > refusals / 2);
  assert_true(play(memory_allocator(&memory), &error));
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, open_memory, close_memory)

int test_assertion(void) {
  static const struct CMUnitTest tests[] = {
      WITH_MEMORY(an_assertion_names_its_issuer_audience_and_lifetime),
      WITH_MEMORY(ids_may_have_any_character_and_are_escaped_as_json),
      WITH_MEMORY(each_algorithm_makes_signatures_of_its_kind),
      WITH_MEMORY(the_default_algorithm_is_rs256),
      WITH_MEMORY(a_key_may_be_pkcs1),
      WITH_MEMORY(a_signature_does_not_verify_for_other_claims),
      WITH_MEMORY(a_thousand_assertions_in_one_second_have_different_ids),
      WITH_MEMORY(an_id_is_128_bits_from_openssls_random_generator),
      WITH_MEMORY(an_assertion_fails_when_there_are_no_random_numbers),
      WITH_MEMORY(an_assertion_is_appended_to_the_buffer),
      WITH_MEMORY(the_longest_client_id_is_accepted_and_a_longer_one_refused),
      WITH_MEMORY(a_buffer_without_room_stays_unchanged),
      WITH_MEMORY(an_assertion_is_not_appended_to_a_failed_buffer),
      WITH_MEMORY(an_invalid_time_is_refused),
      WITH_MEMORY(a_key_that_is_not_pem_is_refused),
      WITH_MEMORY(a_damaged_pem_is_refused),
      WITH_MEMORY(a_pem_without_line_ends_is_refused_with_a_hint),
      WITH_MEMORY(a_public_key_is_refused),
      WITH_MEMORY(a_pem_of_more_than_64_kib_is_refused),
      WITH_MEMORY(an_encrypted_key_is_refused_without_a_password_prompt),
      WITH_MEMORY(a_key_of_another_type_is_refused),
      WITH_MEMORY(a_short_key_is_refused),
      WITH_MEMORY(the_longest_key_is_accepted_and_a_longer_one_refused),
      WITH_MEMORY(an_unknown_algorithm_is_refused_with_any_key),
      WITH_MEMORY(a_key_is_found_among_other_text_and_with_any_line_ends),
      WITH_MEMORY(the_pem_is_not_needed_once_the_key_exists),
      WITH_MEMORY(freeing_a_null_key_does_nothing),
      WITH_MEMORY(openssls_error_queue_keeps_the_hosts_errors_and_none_of_ours),
      WITH_MEMORY(each_allocation_from_the_host_may_fail),
      WITH_MEMORY(each_allocation_of_openssl_may_fail),
  };
  /* OpenSSL accepts other memory functions only before its first allocation. */
  if (!CRYPTO_set_mem_functions(heap_take, heap_resize, heap_give_back)) {
    fputs("OpenSSL was used before the tests of assertion\n", stderr);
    return 1;
  }
  return cmocka_run_group_tests_name("assertion", tests, make_keys, free_keys);
}
