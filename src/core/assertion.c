#include "assertion.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#include "encode.h"

enum {
  ASSERTION_MAX = 2048,             /* bytes; the tenant's limit */
  LIFE = 60,                        /* seconds until it expires; the tenant accepts up to 300 and recommends this */
  JTI_SIZE = 16,                    /* random bytes; enough to make a collision negligible (RFC 7519, section 4.1.7) */
  KEY_BITS_MIN = 2048,              /* RFC 7518, sections 3.3 and 3.5 */
  KEY_BITS_MAX = 8192,              /* a longer signature would leave no room for the claims in ASSERTION_MAX */
  SIGNATURE_MAX = KEY_BITS_MAX / 8, /* bytes; a signature is as long as its key (RFC 8017, section 8) */
  PEM_MAX = 64 * 1024               /* bytes; the longest key takes 7 KiB, and certificates may come with it */
};

/* The end of the year 9999, in seconds since 1970. A larger number is not in seconds. */
static const double EPOCH_MAX = 253402300799;

/* The algorithms that a tenant supports, named as in RFC 7518, section 3.1; the first is the default. */
static const struct algorithm {
  const char *name;
  const EVP_MD *(*digest)(void);
  int padding;
} ALGORITHMS[] = {
    {"RS256", EVP_sha256, RSA_PKCS1_PADDING},
    {"RS384", EVP_sha384, RSA_PKCS1_PADDING},
    {"PS256", EVP_sha256, RSA_PKCS1_PSS_PADDING},
};

struct assertion_key {
  struct allocator allocator;
  const struct algorithm *algorithm;
  EVP_PKEY *pkey;
};

/* OpenSSL's error queue belongs to the whole thread: the host program may have errors of its own there, and would take
 * ours for its own. So each use of OpenSSL is enclosed in mark_errors and remove_errors, which gets the result of the
 * former: whether the queue had anything to mark. */
static int mark_errors(void) {
  return ERR_set_mark();
}

static bool is_memory(unsigned long code) {
  return ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
}

/* Removes our errors from the queue. A failure becomes ERROR_MEMORY if one of them does: OpenSSL reports the failed
 * allocation first, then one error per calling function. Reading an error removes it, so all of them are read only if
 * they are all ours; otherwise only the newest is checked. */
static void remove_errors(int marked, struct error *failure) {
  bool memory = marked && is_memory(ERR_peek_last_error());
  unsigned long code;
  while (!marked && (code = ERR_get_error()) != 0) memory = memory || is_memory(code);
  if (marked) ERR_pop_to_mark();
  if (memory && failure) error_set_memory(failure);
}

/* --- keys */

/* Returns the algorithm with this name, or NULL. Names are case-sensitive (RFC 7515, section 4.1.1). */
static const struct algorithm *find_algorithm(struct text name) {
  if (name.length == 0) return &ALGORITHMS[0];
  for (size_t i = 0; i < sizeof ALGORITHMS / sizeof *ALGORITHMS; i++) {
    const struct algorithm *algorithm = &ALGORITHMS[i];
    if (text_equals(name, algorithm->name)) {
      return algorithm;
    }
  }
  return NULL;
}

/* Replaces OpenSSL's own callback, which would prompt at the terminal. Returning 0 would mean an empty password. */
static int refuse_password(char *password, int size, int writing, void *asked) {
  (void)password, (void)size, (void)writing;
  *(bool *)asked = true;
  return -1;
}

/* Returns the first private key in the PEM, or NULL with an error. */
static EVP_PKEY *read_pem(struct text pem, struct error *error) {
  bool asked = false;
  EVP_PKEY *pkey = NULL;
  BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
  if (!bio) {
    error_set_memory(error);
    goto done;
  }
  pkey = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &asked);
  if (pkey) goto done;
  if (asked) {
    error_set(error, ERROR_INVALID, "private_key: expected a key without a password, got an encrypted one");
  } else {
    error_set(error, ERROR_INVALID,
              "private_key: expected a readable private key in PEM format (were its line breaks lost?)");
  }
done:
  BIO_free(bio);
  return pkey;
}

/* Keys restricted to PSS (RFC 4055, section 1.2) are refused too: two of the three algorithms cannot use them. */
static bool check_key(const EVP_PKEY *pkey, struct error *error) {
  if (EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA) {
    return error_set(error, ERROR_INVALID, "private_key: expected an RSA key, got another kind of key");
  }
  int bits = EVP_PKEY_bits(pkey);
  if (bits >= KEY_BITS_MIN && bits <= KEY_BITS_MAX) return true;
  return error_set(error, ERROR_INVALID, "private_key: expected a key of %d to %d bits, got %d", (int)KEY_BITS_MIN,
                   (int)KEY_BITS_MAX, bits);
}

/* Reads and checks the PEM. */
static bool load(struct assertion_key *key, struct text pem, struct error *error) {
  if (pem.length > PEM_MAX) {
    return error_set(error, ERROR_INVALID, "private_key: expected at most %d bytes, got %zu", (int)PEM_MAX, pem.length);
  }
  int marked = mark_errors();
  key->pkey = read_pem(pem, error);
  bool loaded = key->pkey && check_key(key->pkey, error);
  remove_errors(marked, loaded ? NULL : error);
  return loaded;
}

struct assertion_key *assertion_key_new(struct allocator allocator, struct text pem, struct text algorithm,
                                        struct error *error) {
  const struct algorithm *found = find_algorithm(algorithm);
  if (!found) {
    error_set(error, ERROR_INVALID, "signing_algorithm: expected \"RS256\", \"RS384\" or \"PS256\"");
    return NULL;
  }
  struct assertion_key *key = allocator_take(&allocator, sizeof *key);
  if (!key) {
    error_set_memory(error);
    return NULL;
  }
  *key = (struct assertion_key){.allocator = allocator, .algorithm = found};
  if (load(key, pem, error)) return key;
  assertion_key_free(key);
  return NULL;
}

void assertion_key_free(struct assertion_key *key) {
  if (!key) return;
  struct allocator allocator = key->allocator;
  EVP_PKEY_free(key->pkey); /* overwrites the secret numbers */
  buffer_wipe_memory(key, sizeof *key);
  allocator_give_back(&allocator, key, sizeof *key);
}

/* --- assertions */

/* Checks that everything fitted into a buffer of an assertion. Returns false on ERROR_MEMORY or ERROR_INVALID. */
static bool check_length(const struct buffer *buffer, struct error *error) {
  if (buffer->state == BUFFER_GOOD) return true;
  if (buffer->state == BUFFER_NO_MEMORY) return error_set_memory(error);
  return error_set(error, ERROR_INVALID, "client_id: too long: the client assertion would exceed %d bytes",
                   (int)ASSERTION_MAX);
}

/* Appends the finished assertion to the caller's buffer. Returns false on ERROR_MEMORY or ERROR_INVALID. */
static bool append_finished(struct buffer *buffer, const struct buffer *jwt, struct error *error) {
  buffer_append(buffer, jwt->data, jwt->length);
  if (buffer->state == BUFFER_GOOD) return true;
  if (buffer->state == BUFFER_NO_MEMORY) return error_set_memory(error);
  return error_set(error, ERROR_INVALID, "the client assertion does not fit in the request");
}

/* The header (RFC 7515, sections 4.1.1 and 4.1.9). It names no key: the tenant tries all keys of the client. */
static void append_header(struct buffer *json, const struct algorithm *algorithm) {
  buffer_append_string(json, "{\"alg\":\"");
  buffer_append_string(json, algorithm->name);
  buffer_append_string(json, "\",\"typ\":\"JWT\"}");
}

/* The claims that RFC 7523, section 3 requires (iss, sub, aud, exp), and the two that show that an assertion is new
 * (iat, jti). Times are whole seconds since 1970 (RFC 7519, section 2, NumericDate). */
static void append_claims(struct buffer *json, struct text client_id, struct text audience, unsigned long long now,
                          struct text jti) {
  buffer_append_string(json, "{\"iss\":");
  encode_json_string(json, client_id);
  buffer_append_string(json, ",\"sub\":");
  encode_json_string(json, client_id);
  buffer_append_string(json, ",\"aud\":");
  encode_json_string(json, audience);
  buffer_append_string(json, ",\"iat\":");
  buffer_append_unsigned(json, now);
  buffer_append_string(json, ",\"exp\":");
  buffer_append_unsigned(json, now + LIFE);
  buffer_append_string(json, ",\"jti\":\"");
  encode_base64url(json, jti);
  buffer_append_string(json, "\"}");
}

/* Signs (RFC 7518, sections 3.3 and 3.5). PSS needs a salt as long as the digest, and a mask made with the same digest,
 * which is OpenSSL's default. */
static bool sign(const struct assertion_key *key, struct text input, unsigned char *signature, size_t *length) {
  const struct algorithm *algorithm = key->algorithm;
  bool is_signed = false;
  EVP_PKEY_CTX *settings; /* the context's own */
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (!context || EVP_DigestSignInit(context, &settings, algorithm->digest(), NULL, key->pkey) <= 0) goto done;
  if (EVP_PKEY_CTX_set_rsa_padding(settings, algorithm->padding) <= 0) goto done;
  if (algorithm->padding == RSA_PKCS1_PSS_PADDING &&
      EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) <= 0) {
    goto done;
  }
  is_signed = EVP_DigestSign(context, signature, length, (const unsigned char *)input.data, input.length) > 0;
done:
  EVP_MD_CTX_free(context);
  return is_signed;
}

/* Signs the contents of the buffer and appends the signature (RFC 7515, section 5.1). */
static bool append_signature(struct buffer *jwt, const struct assertion_key *key, struct error *error) {
  unsigned char signature[SIGNATURE_MAX];
  size_t length = sizeof signature;
  if (!sign(key, buffer_text(jwt), signature, &length)) {
    return error_set(error, ERROR_INVALID, "private_key: OpenSSL cannot sign with this key");
  }
  buffer_append(jwt, ".", 1);
  encode_base64url(jwt, (struct text){.data = (const char *)signature, .length = length});
  return true;
}

/* Writes an assertion into the empty buffer `jwt`; `json` is an empty scratch buffer. */
static bool compose(struct buffer *jwt, struct buffer *json, const struct assertion_key *key, struct text client_id,
                    struct text audience, unsigned long long now, struct error *error) {
  unsigned char random[JTI_SIZE];
  if (RAND_bytes(random, sizeof random) <= 0) {
    return error_set(error, ERROR_TOKEN, "OpenSSL could not generate random numbers for the client assertion");
  }
  append_header(json, key->algorithm);
  if (!check_length(json, error)) return false;
  encode_base64url(jwt, buffer_text(json));
  buffer_append(jwt, ".", 1);
  buffer_cut(json, 0);
  append_claims(json, client_id, audience, now, (struct text){.data = (const char *)random, .length = sizeof random});
  if (!check_length(json, error)) return false;
  encode_base64url(jwt, buffer_text(json));
  return check_length(jwt, error) && append_signature(jwt, key, error) && check_length(jwt, error);
}

bool assertion_append(struct buffer *buffer, const struct assertion_key *key, struct text client_id,
                      struct text audience, double epoch, struct error *error) {
  if (!(epoch >= 0 && epoch <= EPOCH_MAX)) { /* NaN, too, is refused */
    return error_set(error, ERROR_INVALID, "clock: expected seconds since 1970, got %.0f", epoch);
  }
  struct buffer jwt, json;
  buffer_open(&jwt, buffer->allocator, ASSERTION_MAX);
  buffer_open(&json, buffer->allocator, ASSERTION_MAX);
  int marked = mark_errors();
  bool appended = compose(&jwt, &json, key, client_id, audience, (unsigned long long)epoch, error);
  remove_errors(marked, appended ? NULL : error);
  if (appended) appended = append_finished(buffer, &jwt, error);
  buffer_close(&jwt);
  buffer_close(&json);
  return appended;
}
