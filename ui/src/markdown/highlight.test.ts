import { describe, expect, test } from "vitest";
import { highlight } from "./highlight";

const told = (text: string, language: string): string =>
  highlight(text, language)
    .filter((piece) => piece.kind !== "plain")
    .map((piece) => `${piece.kind}:${piece.text}`)
    .join(" | ");

describe("colours for code", () => {
  test("finds comments, strings, numbers and keywords", () => {
    expect(told('let x = 12; // why\nprint("a // b")', "rust")).toBe('keyword:let | number:12 | comment:// why | string:"a // b"');
    expect(told("echo 'hi' # said\na#b", "sh")).toBe("keyword:echo | string:'hi' | comment:# said");
    expect(told("SELECT a -- all\nFROM t", "sql")).toBe("keyword:SELECT | comment:-- all | keyword:FROM");
    expect(told("fn f(a: &'a str, b: &'b str)", "rust")).toBe("keyword:fn");
    expect(told('{"a": [1.5e3, true]}', "json")).toBe('string:"a" | number:1.5e3 | keyword:true');
  });

  test("keeps every character, whatever the text is", () => {
    const nasty = ["", "/*", '"', "`", "'''\"\"\"", "a\n\n", "'a' lifetime<'a>", "\\\"\\", "/* * / */ x".repeat(50), '"'.repeat(999), "`\\".repeat(500), "#".repeat(999)];
    for (const text of nasty) {
      for (const language of ["rust", "sh", "sql", "json", "python", "", "unknown", "__proto__", "constructor"]) {
        expect(highlight(text, language).map((piece) => piece.text).join("")).toBe(text);
      }
    }
  });

  test("leaves unknown languages and very long blocks plain", () => {
    expect(highlight("let x = 1", "klingon")).toEqual([{ kind: "plain", text: "let x = 1" }]);
    expect(highlight("1 ".repeat(20_000), "js")).toHaveLength(1);
  });
});
