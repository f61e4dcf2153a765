import { JSDOM } from "jsdom";
import { render } from "preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
// @ts-expect-error The corpus is shared with the browser test and therefore plain script.
import { MARKDOWN, RAW } from "../../tests/xss-corpus.mjs";
import { parseMarkdown, safeHref } from "./parse";
import { Markdown } from "./view";

const CORPUS = [...(MARKDOWN as string[]), ...(RAW as string[])];
const ELEMENTS = new Set("DIV SPAN P H3 H4 H5 H6 UL OL LI BLOCKQUOTE STRONG EM S TABLE THEAD TBODY TR TH TD A CODE PRE BR HR BUTTON svg path".split(" "));
const ATTRIBUTES = new Set("class dir href target rel start tabindex role aria-label aria-live aria-hidden title type width height viewBox fill stroke stroke-width stroke-linecap stroke-linejoin d".split(" "));

let page: JSDOM;
beforeEach(() => {
  page = new JSDOM("<!doctype html><div id=root></div>", { runScripts: "dangerously", url: "http://127.0.0.1/" });
  vi.stubGlobal("document", page.window.document);
  vi.stubGlobal("window", page.window);
});
afterEach(() => vi.unstubAllGlobals());

function draw(text: string): Element {
  const root = page.window.document.createElement("div");
  page.window.document.body.append(root);
  render(<Markdown text={text} />, root);
  return root;
}
const html = (text: string): string => (draw(text).querySelector(".prose")?.innerHTML ?? "").replaceAll(/<svg.*?<\/svg>/g, "");

describe("hostile Markdown", () => {
  test("the corpus is large", () => {
    expect(CORPUS.length).toBeGreaterThan(1_000);
  });

  test("never becomes anything but allowed elements and attributes", () => {
    for (const text of CORPUS) {
      const root = draw(text);
      for (const element of root.querySelectorAll("*")) {
        expect(ELEMENTS, `${element.tagName} from ${JSON.stringify(text)}`).toContain(element.tagName);
        for (const { name } of element.attributes) expect(ATTRIBUTES, `${name} from ${JSON.stringify(text)}`).toContain(name);
      }
    }
    expect((page.window as unknown as { pwned?: number }).pwned).toBeUndefined();
  });

  test("only ever links to http, https and mailto, away from this page", () => {
    for (const text of CORPUS) {
      for (const link of draw(text).querySelectorAll("a")) {
        expect(link.getAttribute("href"), JSON.stringify(text)).toMatch(/^(https?:\/\/|mailto:)/);
        expect(link.getAttribute("rel")).toBe("noopener noreferrer");
        expect(link.getAttribute("target")).toBe("_blank");
      }
    }
  });

  test("loses no word of an HTML payload: it is shown as text", () => {
    expect(draw("before <script>alert(1)</script> after").textContent).toContain("before <script>alert(1)</script> after");
  });

  test("deep nesting ends somewhere", () => {
    expect(() => draw(`${"> ".repeat(5_000)}deep`)).not.toThrow();
    expect(() => draw(`${"[".repeat(5_000)}x${"]".repeat(5_000)}`)).not.toThrow();
    expect(() => draw(`${"- ".repeat(3_000)}x`)).not.toThrow();
  });
});

describe("addresses", () => {
  test.each(["https://example.org/a?b=c", "http://127.0.0.1:18789/", "mailto:someone@example.org", "HTTPS://EXAMPLE.ORG"])("%s may be followed", (href) => {
    expect(safeHref(href)).toBeDefined();
  });
  test.each(["javascript:alert(1)", "/relative", "//host", "#fragment", "data:text/html,x", "", "http://", "java\nscript:x"])("%s may not", (href) => {
    expect(safeHref(href)).toBeUndefined();
  });
});

describe("friendly Markdown", () => {
  test.each([
    ["**b** *e* ~~s~~ `c`", "<p><strong>b</strong> <em>e</em> <s>s</s> <code>c</code></p>"],
    ["# One\n\n## Two", "<h3>One</h3><h4>Two</h4>"],
    ["one\ntwo", "<p>one<br>two</p>"],
    ["- a\n- b\n  1. c", "<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>"],
    ["3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'],
    ["> quote", "<blockquote><p>quote</p></blockquote>"],
    ["---", "<hr>"],
    ["&amp; &lt;b&gt; &copy;", "<p>&amp; &lt;b&gt; ©</p>"],
    ["\\*not\\*", "<p>*not*</p>"],
    ["see https://example.org.", '<p>see <a href="https://example.org/" title="https://example.org/" target="_blank" rel="noopener noreferrer">https://example.org</a>.</p>'],
    ["[t](https://example.org \"x\")", '<p><a href="https://example.org/" title="https://example.org/" target="_blank" rel="noopener noreferrer">t</a></p>'],
    ["![alt](https://example.org/p.png)", '<p><a href="https://example.org/p.png" title="https://example.org/p.png" target="_blank" rel="noopener noreferrer">Image: alt</a></p>'],
  ])("%s", (text, expected) => {
    expect(html(text)).toBe(expected);
  });

  test("code keeps its text, its language and its spaces", () => {
    const root = draw("```rust\nfn main() {\n    <b>\n}\n```");
    expect(root.querySelector("pre code")?.textContent).toBe("fn main() {\n    <b>\n}");
    expect(root.querySelector(".code-language")?.textContent).toBe("rust");
    expect(root.querySelector("button")?.getAttribute("aria-label")).toBe("Copy code");
  });

  test("tasks have boxes, and only at the beginning of a list entry", () => {
    expect(html("- [x] done\n- [ ] open")).toBe('<ul><li><span class="check done" role="img" aria-label="done"></span>done</li><li><span class="check " role="img" aria-label="to do"></span>open</li></ul>');
    expect(html("[x] no list\n\n- not [x] here\n- [y] nor here")).not.toContain("check");
  });

  test("tables align by class, not by style", () => {
    const root = draw("| a | b |\n|:-:|--:|\n| 1 | 2 |");
    expect([...root.querySelectorAll("td")].map((cell) => cell.className)).toEqual(["align-center", "align-right"]);
  });
});

test("blocks know their lines, so that only the growing one is drawn again", () => {
  const first = parseMarkdown("# Title\n\nfirst\n\nsec");
  const second = parseMarkdown("# Title\n\nfirst\n\nsecond");
  expect(first.map((block) => block.source)).toEqual(["# Title", "first", "sec"]);
  expect(second.map((block) => block.source)).toEqual(["# Title", "first", "second"]);
});
