// The two changes that there are: how the desk is asked for each, and in which words.

import * as api from "./api.js";
import { compare, count, giversInWords } from "./permissions.js";

const through = (permission) => `through ${giversInWords(permission)}`;

// Each has the outcome as {title, complete, parts}, from what was asked for and what the tenant lists now; `unsure`
// where the tenant's answer got lost.
const outcome = (change, number, failed, unsure, parts) => ({
  title: unsure ? `The ${change.noun} may have been carried out`
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
      { title: "No longer assigned directly, but a role still grants", permissions: granted, note: through },
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
