// Where this page lives, and therefore the only gateway it ever talks to.
// Neither query nor fragment takes part: no link can point the page at another address.

export interface Place {
  /** Folder of the page with both slashes, e.g. `/` or `/torana/`. */
  basePath: string;
  origin: string;
  socketUrl: string;
}

/**
 * The base path comes from the script's own URL (`<base>/assets/<name>.js`): the gateway serves the
 * page under many paths, but the script only under one.
 */
export function placeOf(page: { protocol: string; host: string; origin: string; pathname: string }, scriptUrl: string): Place {
  const basePath = basePathOf(page, scriptUrl);
  const scheme = page.protocol === "https:" ? "wss:" : "ws:";
  return { basePath, origin: page.origin, socketUrl: `${scheme}//${page.host}${basePath}` };
}

function basePathOf(page: { origin: string; pathname: string }, scriptUrl: string): string {
  const script = new URL(scriptUrl, page.origin);
  const match = /^(.*\/)assets\/[^/]*$/.exec(script.pathname);
  if (script.origin === page.origin && match?.[1] !== undefined) return match[1];
  return page.pathname.replace(/[^/]*$/, "") || "/";
}
