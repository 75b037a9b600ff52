/* operation: what the Management API can be asked. One row each; a new endpoint is a new row. */
#ifndef AUTH0PERM_OPERATION_H
#define AUTH0PERM_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

enum operation_body { BODY_NONE, BODY_PERMISSIONS };

enum operation_answer {
  ANSWER_NOTHING, /* success is the status alone; the body is not looked at */
  ANSWER_LIST     /* pages of a list */
};

struct operation {
  const char *name;    /* the method that Lua sees */
  const char *method;  /* HTTP */
  const char *path;    /* below /api/v2; {id} stands for the first argument */
  const char *id_name; /* what that argument is called */
  const char *scope;   /* what the access token must hold */
  enum operation_body body;
  enum operation_answer answer;
  const char *list_name; /* ANSWER_LIST: the member of a page that holds its items */
  int success;           /* HTTP status */
};

/* The row of this name, NULL when there is none. */
const struct operation *operation_find(const char *name);

/* The row at this index, counted from 0; NULL past the last. */
const struct operation *operation_at(size_t index);

/* Whether the operation changes something at the tenant. */
bool operation_writes(const struct operation *operation);

#endif
