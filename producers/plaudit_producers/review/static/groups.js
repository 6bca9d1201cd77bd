// The groups of a ranking, pure: [[best, ...], ..., [worst, ...]]; a tie is one group.

// Puts a candidate behind those that are ranked. The last one left follows by itself; a full ranking begins anew.
export function placed(groups, id, all) {
  const full = groups.flat().length === all.length;
  if (!full && groups.flat().includes(id)) return groups;
  const next = [...(full ? [] : groups), [id]], left = all.filter((each) => !next.flat().includes(each));
  return left.length === 1 ? [...next, left] : next;
}

// Ties the group at `at` with the one before it, or parts the last of its candidates from it.
export function tied(groups, at) {
  if (at < 1 || at >= groups.length) return groups;
  return [...groups.slice(0, at - 1), [...groups[at - 1], ...groups[at]], ...groups.slice(at + 1)];
}

export function parted(groups, at) {
  const group = groups[at] ?? [];
  return group.length < 2 ? groups : [...groups.slice(0, at), group.slice(0, -1), group.slice(-1), ...groups.slice(at + 1)];
}

// Takes the last placed candidate back.
export function shortened(groups) {
  const last = groups.at(-1) ?? [];
  return last.length > 1 ? [...groups.slice(0, -1), last.slice(0, -1)] : groups.slice(0, -1);
}

// Moves a candidate one place up (-1) or down (1), out of its tie first.
export function moved(groups, id, by) {
  const at = groups.findIndex((group) => group.includes(id)), group = groups[at];
  if (at < 0) return groups;
  const rest = group.filter((each) => each !== id);
  if (rest.length) return by < 0 ? [...groups.slice(0, at), [id], rest, ...groups.slice(at + 1)] : [...groups.slice(0, at), rest, [id], ...groups.slice(at + 1)];
  const to = at + by;
  if (to < 0 || to >= groups.length) return groups;
  const others = groups.filter((_, index) => index !== at);
  return [...others.slice(0, to), [id], ...others.slice(to)];
}

// The rank of each candidate from 1; ties share the first of their places.
export function ranks(groups) {
  const found = new Map();
  let place = 1;
  for (const group of groups) {
    for (const id of group) found.set(id, place);
    place += group.length;
  }
  return found;
}
