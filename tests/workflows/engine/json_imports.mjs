// The parser imports its schema as JSON without saying so, which Node refuses. This says it.
export function load(url, context, next) {
  return next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context);
}
