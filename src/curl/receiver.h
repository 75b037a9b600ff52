/* receiver: collects a response from the header lines and body parts that libcurl hands over, and limits its size. It
 * does not call libcurl. */
#ifndef AUTH0PERM_CURL_RECEIVER_H
#define AUTH0PERM_CURL_RECEIVER_H

#include "../core/buffer.h"
#include "../core/response.h"

/* A response that is being received. */
struct receiver {
  struct response *response; /* borrowed: gets the headers; its status stays 0 */
  struct buffer *body;       /* borrowed; its limit is RECEIVER_BODY_MAX */
  size_t header_bytes;       /* so far, including those of 1xx responses */
  bool informational;        /* the current headers are those of a 1xx response */
  bool whole_headers;        /* the headers of the final response are complete */
  const char *refusal;       /* why the response is refused, a constant; NULL if it is not */
};

enum { RECEIVER_BODY_MAX = 8 * 1024 * 1024 /* bytes */ };

/* Prepares for the response to a new request. The body must be empty. */
void receiver_open(struct receiver *receiver, struct response *response, struct buffer *body);

/* Takes one header line with its line end, a status line or a trailer. False if the headers are too large: `refusal`
 * says so. */
bool receiver_take_header(struct receiver *receiver, const char *line, size_t length);

/* Takes a part of the body. False if the body is too large, as `refusal` says, or if there is no memory: then `refusal`
 * is NULL. */
bool receiver_take_body(struct receiver *receiver, const char *data, size_t length);

#endif
