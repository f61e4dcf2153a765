// Gateways write "no value" in two ways, by leaving a field out and as `null`. Inside the page there is one:
// the field is missing. So the types need no third case, and no reader can forget it.

/** Somebody else's data, where a `null` may mean something. */
const FOREIGN = new Set(["arguments", "args", "result", "partialResult", "details"]);
/** Deeper than any frame of the protocol; what lies below is left as it is. */
const DEPTH_MAX = 32;

/** Removes `null` fields in place. */
export function withoutNulls<T>(value: T, depth = 0): T {
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return value;
  if (Array.isArray(value)) {
    for (const entry of value) withoutNulls(entry, depth + 1);
    return value;
  }
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    if (fields[name] === null) delete fields[name];
    else if (!FOREIGN.has(name)) withoutNulls(fields[name], depth + 1);
  }
  return value;
}
