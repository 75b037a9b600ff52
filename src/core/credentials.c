#include "credentials.h"

#include "encode.h"

enum { CREDENTIAL_MAX = 4096 /* bytes of an id, a secret or an audience */ };

/* Copies an option, if given. Values are sent as JSON, so they have to be UTF-8; an empty one is a mistake. */
static bool keep(struct buffer *buffer, struct text value, const char *name, struct allocator allocator,
                 struct error *error) {
  buffer_open(buffer, allocator, CREDENTIAL_MAX);
  if (!value.data) return true;
  if (value.length == 0 || encode_utf8_length(value) < 0) {
    return error_set(error, ERROR_INVALID, "%s: expected a non-empty UTF-8 string", name);
  }
  buffer_append(buffer, value.data, value.length);
  if (buffer->state == BUFFER_FULL) {
    return error_set(error, ERROR_INVALID, "%s: expected at most %d bytes, got %zu", name, (int)CREDENTIAL_MAX,
                     value.length);
  }
  return buffer->state == BUFFER_GOOD || error_set_memory(error);
}

/* Appends "https://", the domain and a path. */
static bool keep_url(struct buffer *buffer, struct text domain, const char *path, struct error *error) {
  buffer_append_string(buffer, "https://");
  buffer_append(buffer, domain.data, domain.length);
  buffer_append_string(buffer, path);
  return buffer->state == BUFFER_GOOD || error_set_memory(error);
}

static bool check_combination(const struct credentials_options *options, struct error *error) {
  bool secret = options->client_secret.data != NULL;
  bool key = options->private_key.data != NULL;
  if (!options->client_id.data) {
    return error_set(error, ERROR_INVALID, "%s: needs client_id", secret ? "client_secret" : "private_key");
  }
  if (secret && key) {
    return error_set(error, ERROR_INVALID, "client_id: expected either client_secret or private_key, got both");
  }
  if (secret || key) return true;
  return error_set(error, ERROR_INVALID, "client_id: needs client_secret or private_key");
}

bool credentials_open(struct credentials *credentials, const struct credentials_options *options, struct text domain,
                      struct allocator allocator, struct error *error) {
  if (!check_combination(options, error)) return false;
  buffer_open(&credentials->issuer, allocator, CREDENTIAL_MAX);
  if (!keep(&credentials->client_id, options->client_id, "client_id", allocator, error) ||
      !keep(&credentials->client_secret, options->client_secret, "client_secret", allocator, error) ||
      !keep(&credentials->audience, options->audience, "audience", allocator, error) ||
      !keep_url(&credentials->issuer, domain, "/", error)) {
    return false;
  }
  if (!options->audience.data && !keep_url(&credentials->audience, domain, "/api/v2/", error)) return false;
  if (!options->private_key.data) return true;
  credentials->key = assertion_key_new(allocator, options->private_key, options->signing_algorithm, error);
  return credentials->key != NULL;
}

static void write_member(struct buffer *body, const char *name, const struct buffer *value) {
  buffer_append_string(body, ",\"");
  buffer_append_string(body, name);
  buffer_append_string(body, "\":");
  encode_json_string(body, buffer_text(value));
}

bool credentials_write(const struct credentials *credentials, struct request *request, double epoch,
                       struct error *error) {
  struct buffer *body = &request->content;
  size_t assertion = 0, assertion_length = 0;
  buffer_append_string(body, "{\"grant_type\":\"client_credentials\"");
  write_member(body, "client_id", &credentials->client_id);
  write_member(body, "audience", &credentials->audience);
  if (credentials->key) {
    /* RFC 7523, section 2.2; a JWT needs no escaping in JSON */
    buffer_append_string(body,
                         ",\"client_assertion_type\":\"urn:ietf:params:oauth:client-assertion-type:jwt-bearer\""
                         ",\"client_assertion\":\"");
    assertion = body->length;
    if (!assertion_append(body, credentials->key, buffer_text(&credentials->client_id),
                          buffer_text(&credentials->issuer), epoch, error)) {
      return false;
    }
    assertion_length = body->length - assertion;
    buffer_append_string(body, "\"");
  } else {
    write_member(body, "client_secret", &credentials->client_secret);
  }
  buffer_append_string(body, "}");
  if (body->state != BUFFER_GOOD) return error_set_memory(error);
  request->body = buffer_text(body);
  request->secret = credentials->key ? (struct text){.data = request->body.data + assertion, .length = assertion_length}
                                     : buffer_text(&credentials->client_secret);
  return true;
}

void credentials_close(struct credentials *credentials) {
  struct buffer *buffers[] = {&credentials->client_id, &credentials->client_secret, &credentials->audience,
                              &credentials->issuer};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
    if (buffers[i]->data) buffer_close(buffers[i]);
  }
  assertion_key_free(credentials->key);
  credentials->key = NULL;
}
