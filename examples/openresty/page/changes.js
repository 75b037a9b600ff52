// The two kinds of changes: how to send each, and how to describe it.

import * as api from "./api.js";
import { compare, count, giversInWords } from "./permissions.js";

const through = (permission) => `through ${giversInWords(permission)}`;

// `outcome` returns {title, complete, parts}, from the requested permissions and those that the tenant lists now;
// `unsure` if the tenant's response was lost.
const outcome = (change, number, failed, unsure, parts) => ({
  title: unsure ? `The ${change.noun} may or may not have taken effect`
    : `${count(number, "permission")} ${change.done}${failed ? `, ${failed} not` : ""}`,
  complete: failed === 0,
  parts,
});

export const removal = {
  send: api.remove,
  noun: "removal",
  doing: "Removing",
  done: "removed",
  outcome(asked, now, unsure) {
    const { absent, granted, direct } = compare(asked, now);
    return outcome(removal, absent.length + granted.length, direct.length, unsure, [
      { title: "No longer granted", permissions: absent },
      { title: "No longer assigned directly, but still granted by a role", permissions: granted, note: through },
      { title: "Still assigned directly", permissions: direct },
    ]);
  },
};

export const assignment = {
  send: api.assign,
  noun: "assignment",
  doing: "Assigning",
  done: "assigned",
  outcome(asked, now, unsure) {
    const { absent, granted, direct } = compare(asked, now);
    const missing = [...absent, ...granted];
    return outcome(assignment, direct.length, missing.length, unsure, [
      { title: "Assigned directly", permissions: direct },
      { title: "Not assigned directly", permissions: missing },
    ]);
  },
};
