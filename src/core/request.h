/* request: an operation's row and its arguments become the URL, the headers and the JSON body that a driver
 * sends. Arguments are checked as they come; a request that was refused is never sent, not even in part. */
#ifndef AUTH0PERM_CORE_REQUEST_H
#define AUTH0PERM_CORE_REQUEST_H

#include "error.h"
#include "operation.h"

enum { REQUEST_HEADERS = 6 };

enum { REQUEST_FEW_ITEMS = 8 }; /* so many are compared one by one: no hash, no memory */

/* A set of the items that the body already holds, kept as places in the body. */
struct request_items {
  uint32_t first[REQUEST_FEW_ITEMS]; /* where they begin, while there are few */
  struct text_range *slots;          /* a hash table, at most half full; NULL while there are few */
  size_t slot_count;                 /* a power of two */
  size_t used;
};

struct request {
  /* For the driver, valid from request_address until the next one, or until request_close. */
  const char *method;
  const char *url;                          /* absolute, https */
  const char *headers[REQUEST_HEADERS + 1]; /* "Name: value" lines, NULL at the end */
  struct text body;                         /* `data` is NULL where there is none */
  struct text secret;                       /* the token, or the secret, in it: to be kept out of messages */
  double connect_limit;                     /* seconds, name resolution and TLS handshake included */
  double time_limit;                        /* seconds for everything, the body of the answer included */

  /* For request.c. */
  const struct operation *operation;
  struct buffer path;        /* of the URL, where there is an id in it */
  const char *template;      /* of the path: what follows the ids that are in it so far */
  size_t subject_length;     /* bytes of the path as far as its last id */
  struct buffer query;       /* what does not change from page to page: "&name=value", ... */
  struct buffer correlation; /* value of X-Correlation-ID; empty when there is none */
  struct buffer content;     /* of the body */
  struct buffer head;        /* URL and header lines, each terminated; holds a secret */
  struct request_items items;
};

/* What all requests of a client have in common. */
struct request_frame {
  const char *domain; /* host, or host:port */
  const char *agent;  /* value of Auth0-Client */
  struct text token;  /* bearer token; empty for a request without one */
};

/* Which page of a list to ask for. */
struct request_page {
  enum operation_paging paging;
  long long number;   /* PAGING_NUMBER: counted from 0 */
  long long per_page; /* items */
  struct text from;   /* PAGING_CHECKPOINT: empty for the first page */
};

/* A request without arguments; owns no memory yet. */
void request_open(struct request *request, const struct operation *operation, struct allocator allocator);

/* The request for an access token; credentials_write gives it its body. False: ERROR_MEMORY. */
bool request_open_token(struct request *request, struct allocator allocator, struct error *error);

/* Puts the next id into the path; `name` is for the error. False and ERROR_INVALID: empty, ".", "..", control
 * characters, invalid UTF-8, too long. */
bool request_identify(struct request *request, const char *name, struct text id, struct error *error);

/* Whom the request is about: the path as far as its last id; empty where there is none. Borrowed. */
struct text request_subject(const struct request *request);

/* Adds a permission to the body; one that is there already is let pass. False and ERROR_INVALID: no UTF-8, or a
 * length outside the API's bounds, or a body of more than 1 MB. */
bool request_add_permission(struct request *request, struct text resource_server_identifier,
                            struct text permission_name, struct error *error);

/* Adds an id to the body, a list of ids; one that is there already is let pass. False and ERROR_INVALID as for
 * request_identify, or a body of more than 1 MB; the message has no place yet. */
bool request_add_id(struct request *request, struct text id, struct error *error);

/* Closes the body of a list. False and ERROR_INVALID when nothing was added. */
bool request_end_list(struct request *request, struct error *error);

/* Takes what was written into `content`, a whole JSON value, for the body. False and ERROR_INVALID: more than 1 MB. */
bool request_end_content(struct request *request, struct error *error);

/* Adds a parameter to the query. False and ERROR_INVALID: empty, control characters, no UTF-8, a query that no URL can
 * hold. */
bool request_add_query(struct request *request, const char *name, struct text value, struct error *error);

/* Sets the X-Correlation-ID. False and ERROR_INVALID: empty, too long, or not printable ASCII without spaces. */
bool request_correlate(struct request *request, struct text id, struct error *error);

/* Makes the request ready to be sent; `page` is NULL for what is not a list. False: ERROR_MEMORY. */
bool request_address(struct request *request, const struct request_frame *frame, const struct request_page *page,
                     struct error *error);

/* Wipes the token in a request that will be addressed again. */
void request_rest(struct request *request);

/* Wipes and frees everything. */
void request_close(struct request *request);

/* The value of the Auth0-Client header, as Auth0's own SDKs send it: base64url of a JSON object with this
 * module's name and version and the host language. */
void request_describe_agent(struct buffer *buffer, struct text lua_version);

#endif
