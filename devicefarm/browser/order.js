// For each of `theirs` the place in `ours` of what has the same name; by place where names differ.
export function order(theirs, ours) {
  const names = ours.map((one) => one.name);
  const places = theirs.map((one) => names.indexOf(one.name));
  const whole = new Set(places).size === ours.length && !places.includes(-1);
  return whole ? places : theirs.map((_, place) => place);
}
