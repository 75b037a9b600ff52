#include "request.h"

#include <string.h>

#include "encode.h"
#include "version.h"

/* Bounds of the Management API: OpenAPI (resource server and role schemas) and the guides. */
enum {
  IDENTIFIER_MAX = 600,      /* characters of a resource server's identifier */
  PERMISSION_MAX = 280,      /* characters of a permission's name */
  CONTENT_MAX = 1000 * 1000, /* bytes of a request body */
  URL_PATH_MAX = 8000,       /* bytes; every server should support URIs of this length (RFC 9110, section 4.1) */
  URL_QUERY_MAX = 8000,      /* bytes; the same */
  CORRELATION_MAX = 128,     /* characters; tenants in the public cloud log the first 64 */
  HEAD_MAX = 64 * 1024       /* bytes of URL and header lines */
};

enum {
  FIRST_SLOTS = 32,
  REST_GUESS = 256 /* bytes of scheme, query and header names; too small a guess costs an allocation */
};

/* A part of the body. */
struct text_range {
  size_t start, length; /* bytes; the length of a free slot is 0 */
};

static const char API_PATH[] = OPERATION_API_PATH;
static const char CORRELATION[] = "X-Correlation-ID: ";
static const char AUTHORIZATION[] = "Authorization: Bearer ";

static void open_buffers(struct request *request, struct allocator allocator) {
  buffer_open(&request->path, allocator, URL_PATH_MAX);
  buffer_open(&request->query, allocator, URL_QUERY_MAX);
  buffer_open(&request->correlation, allocator, CORRELATION_MAX);
  buffer_open(&request->content, allocator, CONTENT_MAX);
  buffer_open(&request->head, allocator, HEAD_MAX);
}

void request_open(struct request *request, const struct operation *operation, struct allocator allocator) {
  *request = (struct request){.method = operation->method, .operation = operation, .template = operation->path};
  open_buffers(request, allocator);
}

bool request_open_token(struct request *request, struct allocator allocator, struct error *error) {
  *request = (struct request){.method = "POST"};
  open_buffers(request, allocator);
  buffer_append_string(&request->path, "/oauth/token");
  return request->path.state == BUFFER_GOOD || error_set_memory(error);
}

/* Sets the error for a buffer whose append failed. Returns false. */
static bool buffer_error(const struct buffer *buffer, const char *what, struct error *error) {
  if (buffer->state == BUFFER_NO_MEMORY) return error_set_memory(error);
  return error_set(error, ERROR_INVALID, "%s: expected at most %zu bytes, got more", what, buffer->limit);
}

static bool has_control_character(struct text text) {
  for (size_t i = 0; i < text.length; i++) {
    if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F) return true;
  }
  return false;
}

/* Dot segments survive percent-encoding, and servers and proxies resolve them (RFC 3986, section 5.2.4). They are never
 * ids, so they are refused in bodies too. */
static bool check_id(struct text id, struct error *error) {
  if (id.length == 0) return error_set(error, ERROR_INVALID, "expected an id, got \"\"");
  if (text_equals(id, ".") || text_equals(id, "..")) {
    return error_set(error, ERROR_INVALID, "expected an id, got \"%.*s\"", (int)id.length, id.data);
  }
  if (has_control_character(id)) return error_set(error, ERROR_INVALID, "expected an id without control characters");
  if (encode_utf8_length(id) < 0) return error_set(error, ERROR_INVALID, "expected valid UTF-8");
  return true;
}

/* Appends the rest of the path's template up to the next name in braces, and skips that name. */
static void append_template(struct request *request) {
  const char *brace = strchr(request->template, '{');
  if (brace) {
    buffer_append(&request->path, request->template, (size_t)(brace - request->template));
    request->template = strchr(brace, '}') + 1;
  } else {
    buffer_append_string(&request->path, request->template);
    request->template = "";
  }
}

bool request_identify(struct request *request, const char *name, struct text id, struct error *error) {
  if (!check_id(id, error)) {
    error_locate(error, name, ": ");
    return false;
  }
  if (request->path.length == 0) {
    buffer_append_string(&request->path, API_PATH);
    append_template(request);
  }
  encode_percent(&request->path, id);
  request->subject_length = request->path.length;
  append_template(request);
  if (request->path.state == BUFFER_FULL) {
    return error_set(error, ERROR_INVALID, "%s: too long: the path of the URL would exceed %d bytes", name,
                     (int)URL_PATH_MAX);
  }
  return request->path.state == BUFFER_GOOD || error_set_memory(error);
}

struct text request_subject(const struct request *request) {
  return (struct text){.data = request->path.data, .length = request->subject_length};
}

static bool check_name(const char *field, struct text name, long long max, struct error *error) {
  long long length = encode_utf8_length(name);
  if (length < 0) return error_set(error, ERROR_INVALID, "%s: expected valid UTF-8", field);
  if (length < 1 || length > max) {
    return error_set(error, ERROR_INVALID, "%s: expected 1 to %lld characters, got %lld", field, max, length);
  }
  return true;
}

static struct text at_range(const struct request *request, struct text_range range) {
  return (struct text){.data = request->content.data + range.start, .length = range.length};
}

/* Returns the slot that holds an equal item, or the free slot for it. Crafted collisions only cost the caller time,
 * as a body of 1 MB holds about 12,000 items. */
static struct text_range *find_slot(const struct request *request, struct text item) {
  const struct request_items *items = &request->items;
  size_t mask = items->slot_count - 1;
  size_t i = text_hash(item) & mask;
  for (;; i = (i + 1) & mask) {
    struct text_range *slot = &items->slots[i];
    if (slot->length == 0) return slot;
    if (text_same(at_range(request, *slot), item)) return slot;
  }
}

static void free_items(struct request *request) {
  struct request_items *items = &request->items;
  allocator_give_back(&request->content.allocator, items->slots, items->slot_count * sizeof *items->slots);
  *items = (struct request_items){0};
}

/* Returns the range of one of the first items. Each ends before the comma of the next, the last one at `end`. */
static struct text_range first_range(const struct request_items *items, size_t index, size_t end) {
  size_t start = items->first[index];
  return (struct text_range){start, (index + 1 < items->used ? items->first[index + 1] - 1 : end) - start};
}

/* Makes room for one more item: among the first few, or in the hash table, which is at most half full. Returns false if
 * memory runs out. */
static bool reserve_slot(struct request *request) {
  struct request_items old = request->items;
  if (old.slot_count == 0 ? old.used < REQUEST_FEW_ITEMS : 2 * (old.used + 1) <= old.slot_count) return true;
  struct request_items grown = old;
  grown.slot_count = old.slot_count ? 2 * old.slot_count : FIRST_SLOTS;
  grown.slots = allocator_take(&request->content.allocator, grown.slot_count * sizeof *grown.slots);
  if (!grown.slots) return false;
  memset(grown.slots, 0, grown.slot_count * sizeof *grown.slots);
  request->items = grown;
  size_t count = old.slot_count ? old.slot_count : old.used;
  for (size_t i = 0; i < count; i++) {
    struct text_range range = old.slot_count ? old.slots[i] : first_range(&old, i, request->content.length);
    if (range.length) *find_slot(request, at_range(request, range)) = range;
  }
  allocator_give_back(&request->content.allocator, old.slots, old.slot_count * sizeof *old.slots);
  return true;
}

/* Adds an item, which follows `before` bytes of body, to the set. Returns false if it is a duplicate. */
static bool note_item(struct request *request, size_t before, struct text_range range) {
  struct request_items *items = &request->items;
  if (items->slot_count > 0) {
    struct text_range *slot = find_slot(request, at_range(request, range));
    if (slot->length) return false;
    *slot = range;
  } else {
    for (size_t i = 0; i < items->used; i++) {
      if (text_same(at_range(request, first_range(items, i, before)), at_range(request, range))) return false;
    }
    items->first[items->used] = (uint32_t)range.start;
  }
  items->used++;
  return true;
}

/* Begins an item of the body. Returns its position. */
static size_t begin_item(struct request *request) {
  struct buffer *content = &request->content;
  if (content->length == 0) {
    buffer_append_string(content, "{\"");
    buffer_append_string(content, operation_body_name(request->operation));
    buffer_append_string(content, "\":[");
  } else {
    buffer_append_string(content, ",");
  }
  return content->length;
}

/* Ends the item that begins at `start`. A duplicate is removed, which leaves the first `before` bytes of the body. */
static bool end_item(struct request *request, size_t before, size_t start, struct error *error) {
  struct buffer *content = &request->content;
  if (content->state != BUFFER_GOOD) return buffer_error(content, "request body", error);
  struct text_range range = {.start = start, .length = content->length - start};
  if (!note_item(request, before, range)) buffer_cut(content, before);
  return true;
}

bool request_add_permission(struct request *request, struct text resource_server_identifier,
                            struct text permission_name, struct error *error) {
  struct buffer *content = &request->content;
  if (!check_name("resource_server_identifier", resource_server_identifier, IDENTIFIER_MAX, error) ||
      !check_name("permission_name", permission_name, PERMISSION_MAX, error)) {
    return false;
  }
  if (!reserve_slot(request)) return error_set_memory(error);
  size_t before = content->length;
  size_t start = begin_item(request);
  buffer_append_string(content, "{\"resource_server_identifier\":");
  encode_json_string(content, resource_server_identifier);
  buffer_append_string(content, ",\"permission_name\":");
  encode_json_string(content, permission_name);
  buffer_append_string(content, "}");
  return end_item(request, before, start, error);
}

bool request_add_id(struct request *request, struct text id, struct error *error) {
  if (!check_id(id, error)) return false;
  if (!reserve_slot(request)) return error_set_memory(error);
  size_t before = request->content.length;
  size_t start = begin_item(request);
  encode_json_string(&request->content, id);
  return end_item(request, before, start, error);
}

bool request_end_list(struct request *request, struct error *error) {
  free_items(request);
  if (request->content.length == 0) {
    return error_set(error, ERROR_INVALID, "%s: expected at least 1 item, got none",
                     operation_body_name(request->operation));
  }
  buffer_append_string(&request->content, "]}");
  return request_end_content(request, error);
}

bool request_end_content(struct request *request, struct error *error) {
  struct buffer *content = &request->content;
  if (content->state != BUFFER_GOOD) return buffer_error(content, "request body", error);
  request->body = buffer_text(content);
  return true;
}

bool request_add_query(struct request *request, const char *name, struct text value, struct error *error) {
  struct buffer *query = &request->query;
  if (value.length == 0) return error_set(error, ERROR_INVALID, "%s: expected at least 1 character, got none", name);
  if (has_control_character(value)) {
    return error_set(error, ERROR_INVALID, "%s: expected a string without control characters", name);
  }
  if (encode_utf8_length(value) < 0) return error_set(error, ERROR_INVALID, "%s: expected valid UTF-8", name);
  buffer_append_string(query, "&");
  buffer_append_string(query, name);
  buffer_append_string(query, "=");
  encode_percent(query, value);
  if (query->state == BUFFER_FULL) {
    return error_set(error, ERROR_INVALID, "%s: too long: the query of the URL would exceed %d bytes", name,
                     (int)URL_QUERY_MAX);
  }
  return query->state == BUFFER_GOOD || error_set_memory(error);
}

bool request_correlate(struct request *request, struct text id, struct error *error) {
  static const char name[] = "correlation_id";
  if (id.length < 1 || id.length > CORRELATION_MAX) {
    return error_set(error, ERROR_INVALID, "%s: expected 1 to %d characters, got %zu", name, (int)CORRELATION_MAX,
                     id.length);
  }
  size_t printable = text_printable_length(id);
  if (printable < id.length) {
    return error_set(error, ERROR_INVALID,
                     "%s: expected printable ASCII without spaces, got another character at position %zu", name,
                     printable + 1);
  }
  buffer_cut(&request->correlation, 0);
  buffer_append(&request->correlation, id.data, id.length);
  return request->correlation.state == BUFFER_GOOD || error_set_memory(error);
}

/* Appends the name of a parameter, after a question mark if it is the first. */
static void append_parameter(struct buffer *head, bool *first, const char *name) {
  buffer_append_string(head, *first ? "?" : "&");
  buffer_append_string(head, name);
  buffer_append_string(head, "=");
  *first = false;
}

static void append_page(struct buffer *head, bool *first, const struct request_page *page) {
  bool by_number = page->paging == PAGING_NUMBER;
  append_parameter(head, first, by_number ? "per_page" : "take");
  buffer_append_unsigned(head, (unsigned long long)page->per_page);
  if (by_number) {
    append_parameter(head, first, "page");
    buffer_append_unsigned(head, (unsigned long long)page->number);
    append_parameter(head, first, "include_totals");
    buffer_append_string(head, "true");
  } else if (page->from.length > 0) {
    append_parameter(head, first, "from");
    encode_percent(head, page->from);
  }
}

/* Appends path and query. */
static void append_target(const struct request *request, struct buffer *head, const struct request_page *page) {
  if (request->path.length > 0) {
    buffer_append(head, request->path.data, request->path.length);
  } else {
    buffer_append_string(head, API_PATH);
    buffer_append_string(head, request->operation->path);
  }
  bool first = request->query.length == 0;
  if (!first) {
    buffer_append_string(head, "?");
    buffer_append(head, request->query.data + 1, request->query.length - 1);
  }
  if (page) append_page(head, &first, page);
}

/* Appends a terminated header line. Returns its position. */
static size_t append_header(struct buffer *head, const char *name, struct text value) {
  size_t start = head->length;
  buffer_append_string(head, name);
  buffer_append(head, value.data, value.length);
  buffer_append(head, "", 1);
  return start;
}

bool request_address(struct request *request, const struct request_frame *frame, const struct request_page *page,
                     struct error *error) {
  struct buffer *head = &request->head;
  struct text agent = {.data = frame->agent, .length = strlen(frame->agent)};
  buffer_cut(head, 0);
  buffer_reserve(head, strlen(frame->domain) + request->path.length + request->query.length +
                           (page ? 3 * page->from.length : 0) + frame->token.length + agent.length + REST_GUESS);
  buffer_append_string(head, "https://");
  buffer_append_string(head, frame->domain);
  append_target(request, head, page);
  buffer_append(head, "", 1);
  size_t authorization = frame->token.length > 0 ? append_header(head, AUTHORIZATION, frame->token) : 0;
  size_t client = append_header(head, "Auth0-Client: ", agent);
  size_t correlation = head->length;
  if (request->correlation.length > 0) {
    append_header(head, CORRELATION, buffer_text(&request->correlation));
  }
  if (head->state != BUFFER_GOOD) return buffer_error(head, "URL and token", error);

  const char **header = request->headers;
  request->url = head->data;
  if (authorization) {
    request->secret.data = head->data + authorization + strlen(AUTHORIZATION);
    request->secret.length = frame->token.length;
    *header++ = head->data + authorization;
  }
  *header++ = head->data + client;
  *header++ = "Cache-Control: no-cache";
  *header++ = "User-Agent: " MODULE_NAME "/" MODULE_VERSION;
  if (request->correlation.length > 0) *header++ = head->data + correlation;
  if (request->body.data) *header++ = "Content-Type: application/json";
  *header = NULL;
  return true;
}

void request_wipe_token(struct request *request) {
  buffer_cut(&request->head, 0);
  request->url = NULL;
  request->headers[0] = NULL;
  request->secret = (struct text){0};
}

void request_close(struct request *request) {
  free_items(request);
  buffer_close(&request->path);
  buffer_close(&request->query);
  buffer_close(&request->correlation);
  buffer_close(&request->content);
  buffer_close(&request->head);
  if (request->operation) request->template = request->operation->path;
  request->url = NULL;
  request->headers[0] = NULL;
  request->body = request->secret = (struct text){0};
}

void request_describe_agent(struct buffer *buffer, struct text lua_version) {
  struct buffer json;
  buffer_open(&json, buffer->allocator, buffer->limit);
  buffer_append_string(&json, "{\"name\":\"" MODULE_NAME "\",\"version\":\"" MODULE_VERSION "\",\"env\":{\"lua\":");
  encode_json_string(&json, lua_version);
  buffer_append_string(&json, "}}");
  if (json.state == BUFFER_GOOD) {
    encode_base64url(buffer, buffer_text(&json));
  } else {
    buffer->state = json.state;
  }
  buffer_close(&json);
}
