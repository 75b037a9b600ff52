/* request: turns an operation's row and its arguments into the URL, headers and JSON body that a driver sends.
 * Arguments are checked as they are added; a request with a wrong argument is never sent, not even in part. */
#ifndef AUTH0PERM_CORE_REQUEST_H
#define AUTH0PERM_CORE_REQUEST_H

#include "error.h"
#include "operation.h"

enum { REQUEST_HEADERS = 6 };

enum { REQUEST_FEW_ITEMS = 8 }; /* up to this many are compared one by one, without a hash table */

/* The set of items in the body, each stored as its position there, to leave out duplicates. */
struct request_items {
  uint32_t first[REQUEST_FEW_ITEMS]; /* where the items begin, while there are few */
  struct text_range *slots;          /* a hash table, at most half full; NULL while there are few */
  size_t slot_count;                 /* a power of two */
  size_t used;
};

struct request {
  /* For the driver; valid from request_address until the next request_address or request_close. */
  const char *method;
  const char *url;                          /* absolute, https */
  const char *headers[REQUEST_HEADERS + 1]; /* "Name: value" lines, NULL at the end */
  struct text body;                         /* `data` is NULL if there is none */
  struct text secret;                       /* the token or client secret in the request, to redact from messages */
  double connect_limit;                     /* seconds, including name resolution and TLS handshake */
  double time_limit;                        /* seconds for everything, including the response body */

  /* For request.c. */
  const struct operation *operation;
  struct buffer path;        /* of the URL; empty if it has no ids */
  const char *template;      /* the rest of the path, after the ids added so far */
  size_t subject_length;     /* bytes of the path up to and including its last id */
  struct buffer query;       /* "&name=value", ..., without the parameters of paging */
  struct buffer correlation; /* value of X-Correlation-ID; empty if there is none */
  struct buffer content;     /* the body */
  struct buffer head;        /* URL and header lines, each terminated; holds a secret */
  struct request_items items;
};

/* What all requests of a client have in common; borrowed. */
struct request_frame {
  const char *domain; /* host, or host:port */
  const char *agent;  /* value of Auth0-Client */
  struct text token;  /* bearer token; empty for none */
};

/* Which page of a list to request. */
struct request_page {
  enum operation_paging paging;
  long long number;   /* PAGING_NUMBER: counted from 0 */
  long long per_page; /* items */
  struct text from;   /* PAGING_CHECKPOINT: empty for the first page */
};

/* Starts a request without arguments; it owns no memory yet. */
void request_open(struct request *request, const struct operation *operation, struct allocator allocator);

/* Starts a request for an access token, whose body credentials_write adds. Returns false on ERROR_MEMORY. */
bool request_open_token(struct request *request, struct allocator allocator, struct error *error);

/* Adds the next id to the path; `name` is for the message. Returns false on ERROR_INVALID (the id is empty, "." or
 * "..", has control characters or invalid UTF-8, or is too long) or ERROR_MEMORY. */
bool request_identify(struct request *request, const char *name, struct text id, struct error *error);

/* Returns what the request is about: the path up to and including its last id; empty if there is none. Borrowed. */
struct text request_subject(const struct request *request);

/* Adds a permission to the body; a duplicate is ignored. Returns false on ERROR_INVALID (invalid UTF-8, a length
 * outside the API's bounds, a body of more than 1 MB) or ERROR_MEMORY. */
bool request_add_permission(struct request *request, struct text resource_server_identifier,
                            struct text permission_name, struct error *error);

/* Adds an id to the body, a list of ids; a duplicate is ignored. Returns false on ERROR_INVALID (as for
 * request_identify, or a body of more than 1 MB) or ERROR_MEMORY. The caller adds the place to the message. */
bool request_add_id(struct request *request, struct text id, struct error *error);

/* Ends the list in the body. Returns false on ERROR_INVALID (the list is empty, the body is too large) or
 * ERROR_MEMORY. */
bool request_end_list(struct request *request, struct error *error);

/* Makes `content`, a complete JSON value, the body. Returns false on ERROR_INVALID (more than 1 MB) or ERROR_MEMORY. */
bool request_end_content(struct request *request, struct error *error);

/* Adds a parameter to the query. Returns false on ERROR_INVALID (the value is empty, has control characters or invalid
 * UTF-8, or the query becomes too long) or ERROR_MEMORY. */
bool request_add_query(struct request *request, const char *name, struct text value, struct error *error);

/* Sets X-Correlation-ID. Returns false on ERROR_INVALID (empty, too long, not printable ASCII without spaces) or
 * ERROR_MEMORY. */
bool request_correlate(struct request *request, struct text id, struct error *error);

/* Makes the request ready to send: sets URL and headers. `page` is NULL unless a list is requested. Returns false on
 * ERROR_INVALID (URL and token too long) or ERROR_MEMORY. */
bool request_address(struct request *request, const struct request_frame *frame, const struct request_page *page,
                     struct error *error);

/* Wipes the token. request_address has to be called again before the request is sent. */
void request_wipe_token(struct request *request);

/* Wipes and frees everything. */
void request_close(struct request *request);

/* Appends the value of the Auth0-Client header in the form of Auth0's SDKs: base64url of a JSON object with the
 * names and versions of this module and of Lua. */
void request_describe_agent(struct buffer *buffer, struct text lua_version);

#endif
