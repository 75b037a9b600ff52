#include "request.h"

#include <stdint.h>
#include <string.h>

#include "encode.h"
#include "version.h"

/* Bounds of the Management API: OpenAPI (resource server and role schemas) and the guides. */
enum {
  IDENTIFIER_MOST = 600,   /* characters of a resource server's identifier */
  PERMISSION_MOST = 280,   /* characters of a permission's name */
  BODY_MOST = 1000 * 1000, /* bytes of a request body */
  PATH_MOST = 8000,        /* bytes: what every server is to support in a URI, RFC 9110, section 4.1 */
  HEAD_MOST = 64 * 1024    /* bytes of URL and Authorization line */
};

enum {
  FIRST_SLOTS = 16,
  REST_GUESS = 256 /* bytes of scheme, query and names of headers: a guess that spares allocations, no bound */
};

/* Where something stands in the body. */
struct text_range {
  size_t start, length; /* bytes; a length of 0 marks a free slot */
};

static const char API_PATH[] = "/api/v2";
static const char ID_MARK[] = "{id}";
static const char AUTHORIZATION[] = "Authorization: Bearer ";

void request_open(struct request *request, const struct operation *operation, struct allocator allocator) {
  *request = (struct request){.method = operation->method, .operation = operation};
  buffer_open(&request->path, allocator, PATH_MOST);
  buffer_open(&request->content, allocator, BODY_MOST);
  buffer_open(&request->head, allocator, HEAD_MOST);
}

/* The error for a buffer that did not take all it was given. */
static bool buffer_error(const struct buffer *buffer, const char *what, struct error *error) {
  if (buffer->state == BUFFER_NO_MEMORY) return error_set_memory(error);
  return error_set(error, ERROR_INVALID, "%s: at most %zu bytes expected, got more", what, buffer->limit);
}

static bool has_control_character(struct text text) {
  for (size_t i = 0; i < text.length; i++) {
    if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F) return true;
  }
  return false;
}

/* Dot segments survive percent-encoding, and servers and proxies resolve them (RFC 3986, section 5.2.4). */
static bool check_id(const char *name, struct text id, struct error *error) {
  if (id.length == 0) return error_set(error, ERROR_INVALID, "%s: an id expected, got \"\"", name);
  if (text_equals(id, ".") || text_equals(id, "..")) {
    return error_set(error, ERROR_INVALID, "%s: an id expected, got \"%.*s\"", name, (int)id.length, id.data);
  }
  if (has_control_character(id)) {
    return error_set(error, ERROR_INVALID, "%s: an id without control characters expected", name);
  }
  if (encode_utf8_length(id) < 0) return error_set(error, ERROR_INVALID, "%s: valid UTF-8 expected", name);
  return true;
}

bool request_identify(struct request *request, struct text id, struct error *error) {
  const struct operation *operation = request->operation;
  if (!check_id(operation->id_name, id, error)) return false;
  const char *mark = strstr(operation->path, ID_MARK);
  buffer_append_string(&request->path, API_PATH);
  buffer_append(&request->path, operation->path, (size_t)(mark - operation->path));
  encode_percent(&request->path, id);
  buffer_append_string(&request->path, mark + strlen(ID_MARK));
  if (request->path.state == BUFFER_FULL) {
    return error_set(error, ERROR_INVALID, "%s: too long for a URL, whose path has at most %d bytes",
                     operation->id_name, (int)PATH_MOST);
  }
  return request->path.state == BUFFER_GOOD || error_set_memory(error);
}

static bool check_name(const char *field, struct text name, long long most, struct error *error) {
  long long length = encode_utf8_length(name);
  if (length < 0) return error_set(error, ERROR_INVALID, "%s: valid UTF-8 expected", field);
  if (length < 1 || length > most) {
    return error_set(error, ERROR_INVALID, "%s: 1 to %lld characters expected, got %lld", field, most, length);
  }
  return true;
}

/* FNV-1a. A list made to collide costs its maker time, no more: a body of 1 MB holds some 12000 items. */
static uint32_t hash(struct text text) {
  uint32_t value = 2166136261U;
  for (size_t i = 0; i < text.length; i++) value = (value ^ (unsigned char)text.data[i]) * 16777619U;
  return value;
}

static struct text at_range(const struct request *request, struct text_range range) {
  return (struct text){.data = request->content.data + range.start, .length = range.length};
}

/* The slot that holds an equal item, or the free one where it belongs. */
static struct text_range *find_slot(const struct request *request, struct text item) {
  const struct request_items *items = &request->items;
  size_t mask = items->slot_count - 1;
  size_t i = hash(item) & mask;
  for (;; i = (i + 1) & mask) {
    struct text_range *slot = &items->slots[i];
    if (slot->length == 0) return slot;
    if (slot->length == item.length && memcmp(at_range(request, *slot).data, item.data, item.length) == 0) return slot;
  }
}

static void free_items(struct request *request) {
  struct request_items *items = &request->items;
  allocator_give_back(&request->content.allocator, items->slots, items->slot_count * sizeof *items->slots);
  *items = (struct request_items){0};
}

/* Keeps the table at most half full. */
static bool reserve_slot(struct request *request) {
  struct request_items old = request->items;
  if (2 * (old.used + 1) <= old.slot_count) return true;
  struct request_items grown = {.slot_count = old.slot_count ? 2 * old.slot_count : FIRST_SLOTS, .used = old.used};
  grown.slots = allocator_take(&request->content.allocator, grown.slot_count * sizeof *grown.slots);
  if (!grown.slots) return false;
  memset(grown.slots, 0, grown.slot_count * sizeof *grown.slots);
  request->items = grown;
  for (size_t i = 0; i < old.slot_count; i++) {
    struct text_range range = old.slots[i];
    if (range.length) *find_slot(request, at_range(request, range)) = range;
  }
  allocator_give_back(&request->content.allocator, old.slots, old.slot_count * sizeof *old.slots);
  return true;
}

bool request_add_permission(struct request *request, struct text resource_server_identifier,
                            struct text permission_name, struct error *error) {
  struct buffer *content = &request->content;
  if (!check_name("resource_server_identifier", resource_server_identifier, IDENTIFIER_MOST, error) ||
      !check_name("permission_name", permission_name, PERMISSION_MOST, error)) {
    return false;
  }
  if (!reserve_slot(request)) return error_set_memory(error);
  size_t before = content->length;
  buffer_append_string(content, before == 0 ? "{\"permissions\":[" : ",");
  size_t start = content->length;
  buffer_append_string(content, "{\"resource_server_identifier\":");
  encode_json_string(content, resource_server_identifier);
  buffer_append_string(content, ",\"permission_name\":");
  encode_json_string(content, permission_name);
  buffer_append_string(content, "}");
  if (content->state != BUFFER_GOOD) return buffer_error(content, "the request body", error);

  struct text_range range = {.start = start, .length = content->length - start};
  struct text_range *slot = find_slot(request, at_range(request, range));
  if (slot->length) {
    buffer_cut(content, before);
  } else {
    *slot = range;
    request->items.used++;
  }
  return true;
}

bool request_end_permissions(struct request *request, struct error *error) {
  free_items(request);
  if (request->content.length == 0) {
    return error_set(error, ERROR_INVALID, "permissions: at least 1 expected, got none");
  }
  buffer_append_string(&request->content, "]}");
  if (request->content.state != BUFFER_GOOD) return buffer_error(&request->content, "the request body", error);
  request->body = (struct text){.data = request->content.data, .length = request->content.length};
  return true;
}

static void append_page(struct buffer *head, const struct request_page *page) {
  buffer_append_string(head, "?per_page=");
  buffer_append_unsigned(head, (unsigned long long)page->per_page);
  buffer_append_string(head, "&page=");
  buffer_append_unsigned(head, (unsigned long long)page->number);
  buffer_append_string(head, "&include_totals=true");
}

/* Appends "name: value" as a string of its own; returns where it begins. */
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
  buffer_reserve(head, strlen(frame->domain) + request->path.length + frame->token.length + agent.length + REST_GUESS);
  buffer_append_string(head, "https://");
  buffer_append_string(head, frame->domain);
  buffer_append(head, request->path.data, request->path.length);
  if (page) append_page(head, page);
  buffer_append(head, "", 1);
  size_t authorization = append_header(head, AUTHORIZATION, frame->token);
  size_t client = append_header(head, "Auth0-Client: ", agent);
  if (head->state != BUFFER_GOOD) return buffer_error(head, "the URL and the token", error);

  const char **header = request->headers;
  request->url = head->data;
  request->secret.data = head->data + authorization + strlen(AUTHORIZATION);
  request->secret.length = frame->token.length;
  *header++ = head->data + authorization;
  *header++ = head->data + client;
  *header++ = "Cache-Control: no-cache";
  *header++ = "User-Agent: " MODULE_NAME "/" MODULE_VERSION;
  if (request->body.data) *header++ = "Content-Type: application/json";
  *header = NULL;
  return true;
}

void request_close(struct request *request) {
  free_items(request);
  buffer_close(&request->path);
  buffer_close(&request->content);
  buffer_close(&request->head);
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
    encode_base64url(buffer, (struct text){.data = json.data, .length = json.length});
  } else {
    buffer->state = json.state;
  }
  buffer_close(&json);
}
