/* operation: what the Management API can be asked. One row each; a new endpoint is a new row. */
#ifndef AUTH0PERM_CORE_OPERATION_H
#define AUTH0PERM_CORE_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

/* What is sent, and how Lua hands it over. */
enum operation_body {
  BODY_NONE,
  BODY_PERMISSIONS, /* {"permissions":[{...}, ...]} */
  BODY_IDS,         /* {"roles":["rol_...", ...]}, under the argument's name */
  BODY_FIELDS       /* an object, as Lua gives it */
};

enum operation_result {
  RESULT_NOTHING, /* success is the status alone; the body is not looked at */
  RESULT_LIST,    /* pages of a list, each an object */
  RESULT_ARRAY,   /* a list in one piece, without an object around it */
  RESULT_OBJECT
};

enum operation_paging {
  PAGING_NUMBER,    /* `page` and `per_page`; each page tells `start`, `limit` and `total` */
  PAGING_CHECKPOINT /* `from` and `take`; each page but the last tells `next` */
};

/* Where an argument goes. */
enum operation_place {
  IN_PATH,  /* an id, in place of its name in braces */
  IN_QUERY, /* a text, under its name */
  IN_BODY   /* what `body` says */
};

struct operation_argument {
  const char *name; /* NULL marks the end of the arguments */
  enum operation_place place;
};

/* A filter, or something like it: an option of the call that becomes part of the query. */
enum operation_option_kind { OPTION_TEXT, OPTION_TEXTS, OPTION_BOOLEAN };

struct operation_option {
  const char *name; /* the query parameter and the option; NULL marks the end of the options */
  enum operation_option_kind kind;
  int max; /* OPTION_TEXTS: how many there may be */
};

/* What all paths begin with. */
#define OPERATION_API_PATH "/api/v2"

enum { OPERATION_OPTIONS_MAX = 2, OPERATION_ARRAYS_MAX = 2, OPERATION_ARGUMENTS_MAX = 4 };

struct operation {
  const char *name;   /* the method that Lua sees */
  const char *method; /* HTTP */
  const char *path;   /* below /api/v2, with the name of each IN_PATH argument in braces, in their order */
  const char *scope;  /* what the access token must hold; where it is several, with spaces between */
  struct operation_argument arguments[OPERATION_ARGUMENTS_MAX + 1]; /* in the order of the caller's; options follow */
  enum operation_body body;
  const char *arrays[OPERATION_ARRAYS_MAX + 1]; /* BODY_FIELDS: members that are arrays also when they are empty */
  struct operation_option options[OPERATION_OPTIONS_MAX + 1]; /* of this operation alone */
  enum operation_result result;
  enum operation_paging paging; /* RESULT_LIST */
  const char *list_name;        /* RESULT_LIST: the member of a page that holds its items */
  int success;                  /* HTTP status */
  int also_success;             /* another one, where the API's documents and its answers differ; 0 for none */
  bool creates; /* doing it twice is not the same as doing it once, so that it must not be repeated blindly */
};

/* The row of this name, NULL when there is none. */
const struct operation *operation_find(const char *name);

/* The row at this index, counted from 0; NULL past the last. */
const struct operation *operation_at(size_t index);

/* The name of the argument that makes the body; NULL where there is none. */
const char *operation_body_name(const struct operation *operation);

/* Whether the operation changes something at the tenant. */
bool operation_writes(const struct operation *operation);

/* Whether this HTTP status is one that the operation succeeds with. */
bool operation_succeeds(const struct operation *operation, int status);

#endif
