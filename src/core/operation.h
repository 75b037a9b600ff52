/* operation: the table of Management API endpoints. A new endpoint is a new row. */
#ifndef AUTH0PERM_CORE_OPERATION_H
#define AUTH0PERM_CORE_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

/* The form of the request body. */
enum operation_body {
  BODY_NONE,
  BODY_PERMISSIONS, /* {"permissions":[{...}, ...]} */
  BODY_IDS,         /* {"roles":["rol_...", ...]}, named like the argument */
  BODY_FIELDS       /* an object with the given members */
};

/* What an operation returns, which decides what its response has to look like. */
enum operation_result {
  RESULT_NOTHING, /* nothing but success; an empty body or any JSON will do */
  RESULT_LIST,    /* a list in pages, each an object */
  RESULT_ARRAY,   /* a list in one piece, a JSON array */
  RESULT_OBJECT   /* one JSON object */
};

enum operation_paging {
  PAGING_NUMBER,    /* `page` and `per_page`; each page has `start`, `limit` and `total` */
  PAGING_CHECKPOINT /* `from` and `take`; each page but the last has `next` */
};

/* Where an argument goes. */
enum operation_place {
  IN_PATH,  /* an id, which replaces its name in braces */
  IN_QUERY, /* a parameter of that name */
  IN_BODY   /* in the form that `body` says */
};

struct operation_argument {
  const char *name; /* NULL marks the end of the arguments */
  enum operation_place place;
};

/* The type of an option that becomes part of the query, such as a filter. */
enum operation_option_kind { OPTION_TEXT, OPTION_TEXTS, OPTION_BOOLEAN };

struct operation_option {
  const char *name; /* the query parameter and the option; NULL marks the end of the options */
  enum operation_option_kind kind;
  int max; /* OPTION_TEXTS: the largest number of texts */
};

/* The prefix of all paths. */
#define OPERATION_API_PATH "/api/v2"

enum { OPERATION_OPTIONS_MAX = 2, OPERATION_ARRAYS_MAX = 2, OPERATION_ARGUMENTS_MAX = 4 };

struct operation {
  const char *name;   /* the method that Lua sees */
  const char *method; /* HTTP */
  const char *path;   /* below /api/v2, with the name of each IN_PATH argument in braces, in their order */
  const char *scope;  /* scopes that the access token needs, separated by spaces */
  struct operation_argument arguments[OPERATION_ARGUMENTS_MAX + 1]; /* in the order of the method's parameters */
  enum operation_body body;
  const char *arrays[OPERATION_ARRAYS_MAX + 1];               /* BODY_FIELDS: members that are arrays even if empty */
  struct operation_option options[OPERATION_OPTIONS_MAX + 1]; /* specific to this operation */
  enum operation_result result;
  enum operation_paging paging; /* RESULT_LIST */
  const char *list_name;        /* RESULT_LIST: the member of a page that holds its items */
  int success;                  /* HTTP status */
  int also_success;             /* another one, where the API's documentation and behavior differ; 0: none */
  bool creates;                 /* not idempotent, so not retried once the tenant may have read the request */
};

/* Returns the row with this name, or NULL. */
const struct operation *operation_find(const char *name);

/* Returns the row at this index, counted from 0; NULL past the last. */
const struct operation *operation_at(size_t index);

/* Returns the name of the argument that becomes the body; NULL if there is none. */
const char *operation_body_name(const struct operation *operation);

/* Returns whether the operation changes anything at the tenant. */
bool operation_writes(const struct operation *operation);

/* Returns whether this HTTP status means success. */
bool operation_succeeds(const struct operation *operation, int status);

#endif
