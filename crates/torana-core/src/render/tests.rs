//! Real examples of each rule; `properties` holds what is true of any text.

use expect_test::{Expect, expect};

use super::*;

fn small(units: usize) -> Limits {
    Limits::new(units, LengthUnit::Utf16).counting(Counts::Visible)
}

fn html(text: &str) -> String {
    render(text, Markup::HtmlSubset).map_or(String::new(), |chunk| chunk.rendered)
}

fn plain(text: &str) -> String {
    render(text, Markup::Plain).map_or(String::new(), |chunk| chunk.rendered)
}

fn check(actual: &str, expected: &Expect) {
    expected.assert_eq(actual);
}

/// All chunks with a line between them.
fn cut(text: &str, limits: &Limits, format: impl Into<Format>) -> String {
    let pieces: Vec<String> = chunks(text, limits, format)
        .into_iter()
        .map(|chunk| chunk.rendered)
        .collect();
    pieces.join("\n=====\n")
}

// === Markup ===

#[test]
fn inline_styles_become_tags_and_text_is_escaped() {
    check(
        &html("# A & B\n\n**bold _both_** ~~gone~~ `a<b` ||secret *x*|| <u>under</u> <b>raw</b>"),
        &expect![[r#"
            <b>A &amp; B</b>

            <b>bold <i>both</i></b> <s>gone</s> <code>a&lt;b</code> <tg-spoiler>secret <i>x</i></tg-spoiler> <u>under</u> &lt;b&gt;raw&lt;/b&gt;"#]],
    );
}

#[test]
fn spoilers_need_a_partner_in_the_same_element() {
    assert_eq!(html("a || b"), "a || b");
    assert_eq!(html("|||| x"), "|||| x");
    assert_eq!(html("a **|| b** ||"), "a <b>|| b</b> ||");
    assert_eq!(html(r"\|\|x\|\|"), "||x||");
    assert_eq!(html("`||x||`"), "<code>||x||</code>");
    assert_eq!(
        html("||a <u>b|| c</u>"),
        "<tg-spoiler>a &lt;u&gt;b</tg-spoiler> c&lt;/u&gt;"
    );
    assert_eq!(plain("||x|| y"), "x y");
}

#[test]
fn only_safe_schemes_become_links() {
    for (text, expected) in [
        (
            "[a](https://x.org/?a=1&b=\"2\")",
            r#"<a href="https://x.org/?a=1&amp;b=&quot;2&quot;">a</a>"#,
        ),
        ("[a](javascript:alert(1))", "a (javascript:alert(1))"),
        ("[a](file:///etc/passwd)", "a (file:///etc/passwd)"),
        ("[guide](docs/a.md)", "guide (docs/a.md)"),
        ("[a](HTTP://x.org)", r#"<a href="HTTP://x.org">a</a>"#),
        ("<https://x.org>", "https://x.org"),
        ("[https://x.org](https://x.org)", "https://x.org"),
        ("<me@x.org>", "me@x.org"),
        (
            "![a cat](https://x.org/cat.png)",
            r#"<a href="https://x.org/cat.png">a cat</a>"#,
        ),
        ("![](https://x.org/cat.png)", "https://x.org/cat.png"),
        (
            "[![a](https://x.org/a.png)](https://y.org)",
            r#"<a href="https://y.org">a</a>"#,
        ),
        (
            "[**b** c](https://x.org)",
            r#"<a href="https://x.org"><b>b</b> c</a>"#,
        ),
    ] {
        assert_eq!(html(text), expected, "{text}");
    }
    assert_eq!(plain("[a](https://x.org)"), "a (https://x.org)");
    let long = format!("[a](https://x.org/{})", "x".repeat(3_000));
    assert!(html(&long).starts_with("a (https://x.org/"));
}

#[test]
fn lists_nest_and_keep_their_numbers() {
    let text = "Do:\n\n3. one\n   - inner\n     more\n     - [x] deep\n4. two\n\n   para\n\n- [ ] open\n\nEnd";
    check(
        &html(text),
        &expect![[r#"
        Do:

        3. one
          • inner
            more
            ☑ deep
        4. two
          para

        ☐ open

        End"#]],
    );
}

#[test]
fn code_blocks_keep_their_language_and_text() {
    let text = "Look:\n\n```rust,ignore\nif a < b {\n\n    c();\n}\n```\n\n    indented\n\ndone";
    check(
        &html(text),
        &expect![[r#"
        Look:

        <pre><code class="language-rust">if a &lt; b {

            c();
        }</code></pre>

        <pre>indented</pre>

        done"#]],
    );
    check(
        &plain(text),
        &expect![[r#"
        Look:

        if a < b {

            c();
        }

        indented

        done"#]],
    );
}

#[test]
fn quotes_do_not_nest_in_tags() {
    let text = "> one\n> two\n> > inner\n>\n> - item\n\nafter";
    check(
        &html(text),
        &expect![[r#"
        <blockquote>one
        two

        inner

        • item</blockquote>

        after"#]],
    );
    check(
        &plain(text),
        &expect![[r#"
        > one
        > two

        > > inner

        > • item

        after"#]],
    );
}

#[test]
fn tables_follow_the_option() {
    let text = "| Name | Qty | Note |\n|:--|--:|---|\n| apple | 3 | **ripe** |\n| 梨 | 12 | [x](https://x.org) |\n| fig |\n";
    let table = |tables| {
        let format = Format {
            markup: Markup::HtmlSubset,
            tables,
        };
        render(text, format).map_or(String::new(), |chunk| chunk.rendered)
    };
    check(
        &table(TableMode::Code),
        &expect![[r#"
        <pre>Name  | Qty | Note
        ------+-----+------------------
        apple |   3 | ripe
        梨    |  12 | x (https://x.org)
        fig</pre>"#]],
    );
    check(
        &table(TableMode::Bullets),
        &expect![[r#"
        • apple
          Qty: 3
          Note: ripe
        • 梨
          Qty: 12
          Note: x (https://x.org)
        • fig"#]],
    );
    check(
        &table(TableMode::Off),
        &expect![[r#"
        | Name | Qty | Note |
        |---|---|---|
        | apple | 3 | ripe |
        | 梨 | 12 | x (https://x.org) |
        | fig |"#]],
    );
    check(
        &cut(
            text,
            &Limits::new(2_000, LengthUnit::Chars),
            Markup::Markdown,
        ),
        &expect![[r#"
        ```
        Name  | Qty | Note
        ------+-----+-------------------
        apple |   3 | **ripe**
        梨    |  12 | [x](https://x.org)
        fig
        ```"#]],
    );
}

#[test]
fn the_plain_form_names_link_targets_while_they_fit() {
    let text = "See [the guide](https://x.org/guide).";
    let chunk = &chunks(text, &small(100), Markup::HtmlSubset)[0];
    assert_eq!(chunk.plain, "See the guide (https://x.org/guide).");
    let chunk = &chunks(text, &small(32), Markup::HtmlSubset)[0];
    assert_eq!(chunk.plain, "See the guide.");
}

#[test]
fn control_characters_do_not_pass() {
    assert_eq!(html("a\u{0}b\u{7}c\u{1b}[0m\r\nd"), "abc[0m\nd");
    assert_eq!(cut("a\u{7}b\r\nc", &small(100), Markup::Markdown), "ab\nc");
}

#[test]
fn absurd_nesting_falls_back_to_text() {
    assert_eq!(
        html(&format!("{}x", "> ".repeat(65))),
        format!("{}x", "&gt; ".repeat(65))
    );
    assert_eq!(
        html(&format!("{}x", "> ".repeat(64))),
        "<blockquote>x</blockquote>"
    );
}

// === Cuts ===

#[test]
fn cuts_prefer_paragraph_line_sentence_and_space_in_this_order() {
    check(
        &cut(
            "One two three.\n\nFour five six. Seven eight nine ten.",
            &small(40),
            Markup::Plain,
        ),
        &expect![[r#"
            One two three.
            =====
            Four five six. Seven eight nine ten."#]],
    );
    check(
        &cut(
            "- one two three four\n- five six seven eight nine",
            &small(40),
            Markup::Plain,
        ),
        &expect![[r#"
            • one two three four
            =====
            • five six seven eight nine"#]],
    );
    check(
        &cut(
            "One two three. Four five six seven eight nine",
            &small(40),
            Markup::Plain,
        ),
        &expect![[r#"
            One two three.
            =====
            Four five six seven eight nine"#]],
    );
    check(
        &cut(
            "onetwothreefour fivesixseveneightnineteneleven",
            &small(40),
            Markup::Plain,
        ),
        &expect![[r#"
            onetwothreefour
            =====
            fivesixseveneightnineteneleven"#]],
    );
}

#[test]
fn styles_are_closed_and_opened_again_at_a_cut() {
    check(
        &cut(
            "**one two three [four five six](https://x.org/a) seven *eight nine ten* eleven twelve**",
            &small(32),
            Markup::HtmlSubset,
        ),
        &expect![[r#"
            <b>one two three <a href="https://x.org/a">four five six</a></b>
            =====
            <b>seven <i>eight nine ten</i> eleven</b>
            =====
            <b>twelve</b>"#]],
    );
    check(
        &cut(
            "start **one two three four five six seven `eight nine ten eleven` twelve** end",
            &small(36),
            Markup::Markdown,
        ),
        &expect![[r#"
            start **one two three four five**
            =====
            **six seven `eight nine ten`**
            =====
            **`eleven` twelve** end"#]],
    );
}

#[test]
fn a_long_code_block_continues_with_the_same_language() {
    let text = "Code:\n\n```rust\nlet alpha = 1;\nlet beta = 2;\nlet gamma = 3;\nlet delta = 4;\n```\n\nDone.";
    check(
        &cut(text, &small(40), Markup::HtmlSubset),
        &expect![[r#"
        Code:

        <pre><code class="language-rust">let alpha = 1;
        let beta = 2;</code></pre>
        =====
        <pre><code class="language-rust">let gamma = 3;
        let delta = 4;</code></pre>

        Done."#]],
    );
    check(
        &cut(text, &small(48), Markup::Markdown),
        &expect![[r#"
        Code:

        ```rust
        let alpha = 1;
        let beta = 2;
        ```
        =====
        ```rust
        let gamma = 3;
        let delta = 4;
        ```

        Done."#]],
    );
}

#[test]
fn a_code_block_that_fits_is_not_cut() {
    let text = "A few words come first here.\n\n```\nlet alpha = 1;\nlet beta = 2;\n```\n";
    check(
        &cut(text, &small(40), Markup::HtmlSubset),
        &expect![[r#"
        A few words come first here.
        =====
        <pre>let alpha = 1;
        let beta = 2;</pre>"#]],
    );
    check(
        &cut(text, &small(45), Markup::Markdown),
        &expect![[r#"
        A few words come first here.
        =====
        ```
        let alpha = 1;
        let beta = 2;
        ```"#]],
    );
}

#[test]
fn an_open_fence_is_closed_at_the_end() {
    assert_eq!(
        cut("```sh\nls", &small(100), Markup::Markdown),
        "```sh\nls\n```"
    );
    assert_eq!(
        html("```sh\nls"),
        r#"<pre><code class="language-sh">ls</code></pre>"#
    );
}

#[test]
fn newline_mode_gives_each_paragraph_its_own_chunk() {
    let limits = small(100).with_mode(ChunkMode::Newline);
    check(
        &cut(
            "one\ntwo\n\n\n**three**\n\n```\na\n\nb\n```\n\nfour",
            &limits,
            Markup::HtmlSubset,
        ),
        &expect![[r#"
            one
            two
            =====
            <b>three</b>
            =====
            <pre>a

            b</pre>
            =====
            four"#]],
    );
}

#[test]
fn surrogates_and_graphemes_stay_whole() {
    let family = "👩‍👩‍👧‍👦";
    let limits = Limits::new(40, LengthUnit::Utf16);
    for chunk in chunks(&family.repeat(20), &limits, Markup::Plain) {
        assert_eq!(chunk.rendered.replace(family, ""), "");
        assert!(LengthUnit::Utf16.measure(&chunk.rendered) <= 40);
    }
    let combining = format!("a{}", "\u{301}".repeat(500));
    assert_eq!(
        cut(&combining, &limits, Markup::Plain).replace("\n=====\n", ""),
        combining
    );
}

#[test]
fn the_platforms_unit_and_text_are_what_counts() {
    let text = "&".repeat(100);
    let pieces = |limits: Limits| chunks(&text, &limits, Markup::HtmlSubset).len();
    assert_eq!(
        pieces(Limits::new(100, LengthUnit::Chars).counting(Counts::Visible)),
        2,
        "400 raw bytes"
    );
    assert_eq!(pieces(Limits::new(100, LengthUnit::Chars)), 5);
    let wide = Limits {
        max_raw_bytes: 10_000,
        ..small(100)
    };
    assert_eq!(pieces(wide), 1);
    assert_eq!(
        chunks("x y", &small(100).with_soft(40), Markup::Plain).len(),
        1
    );
    assert_eq!(
        chunks(&"x ".repeat(40), &small(100).with_soft(40), Markup::Plain).len(),
        2
    );
}

#[test]
fn blank_text_has_no_chunks() {
    for text in [
        "",
        " \n\t",
        "\u{0}".trim_matches('\u{0}'),
        "****",
        "```\n\n```",
        "#",
    ] {
        for markup in [Markup::Plain, Markup::HtmlSubset] {
            let pieces = chunks(text, &small(100), markup);
            assert!(
                pieces.iter().all(|chunk| !chunk.plain.trim().is_empty()),
                "{text:?}"
            );
        }
    }
    assert_eq!(html(" \n"), "");
}

#[test]
fn cutting_is_linear() {
    // A mebibyte of each of the worst known inputs: quadratic work would run for minutes here.
    let many = |piece: &str| piece.repeat((1 << 20) / piece.len());
    for text in [
        many("word "),
        many("x"),
        many("**a** *b* `c` [d](https://e.org) ||f||\n\n"),
        many("- "),
        many("*a **b "),
        many("> "),
        many("[["),
        many("`"),
        many("|"),
        many("a\u{301}"),
        many("| a | b |\n|---|---|\n| c |\n\n"),
        format!("```\n{}\n```", many("line of code\n")),
        format!("{}{}", "- ".repeat(60), many("\n")),
    ] {
        for markup in [Markup::Plain, Markup::HtmlSubset, Markup::Markdown] {
            chunks(&text, &small(4_000), markup);
            finalise(&text, &ReplyContext::default());
            preview(&text);
        }
    }
}

// === Directives ===

fn group(text: &str) -> Reply {
    finalise(text, &ReplyContext { direct: false })
}

#[test]
fn reply_directives_are_taken_out() {
    for (text, expected, reply_to) in [
        ("[[reply_to_current]] Hi", "Hi", ReplyTo::Current),
        (
            "Hi [[ reply_to: 42 ]] there",
            "Hi there",
            ReplyTo::Id("42".to_owned()),
        ),
        ("a\n[[REPLY_TO_CURRENT]]\nb", "a\nb", ReplyTo::Current),
        (
            "[[reply_to_current]][[reply_to:7]][[reply_to:8]]x",
            "x",
            ReplyTo::Id("7".to_owned()),
        ),
        (
            "`[[reply_to_current]]` is text",
            "`[[reply_to_current]]` is text",
            ReplyTo::None,
        ),
        (
            "```\n[[reply_to:1]]\n```",
            "```\n[[reply_to:1]]\n```",
            ReplyTo::None,
        ),
        (
            "[[wiki]] and [[reply_to:]]",
            "[[wiki]] and [[reply_to:]]",
            ReplyTo::None,
        ),
        ("[[[reply_to_current]]]", "[]", ReplyTo::Current),
    ] {
        let reply = group(text);
        assert_eq!(
            (reply.text.as_str(), reply.reply_to),
            (expected, reply_to),
            "{text}"
        );
    }
}

#[test]
fn the_silent_token_counts_only_alone() {
    for text in [
        "NO_REPLY",
        " no_reply.\n",
        "[NO_REPLY]",
        "**No_Reply**",
        "[[reply_to_current]] NO_REPLY",
    ] {
        let reply = group(text);
        assert_eq!(
            (reply.text.as_str(), reply.silent),
            ("", Some(SilentReason::NoReply)),
            "{text}"
        );
    }
    let reply = group("Use NO_REPLY to stay silent");
    assert_eq!(
        (reply.text.as_str(), reply.silent),
        ("Use NO_REPLY to stay silent", None)
    );
    let reply = finalise("NO_REPLY", &ReplyContext { direct: true });
    assert_eq!((reply.text.as_str(), reply.silent), (NOTHING_TO_ADD, None));
    assert_eq!(group("  ").silent, Some(SilentReason::Empty));
}

#[test]
fn the_heartbeat_token_is_stripped_and_small_talk_with_it() {
    let news = "news ".repeat(61).trim().to_owned();
    for text in [
        "HEARTBEAT_OK",
        "**HEARTBEAT_OK**",
        "HEARTBEAT_OK all fine.",
        "All fine.\n\nHEARTBEAT_OK.",
    ] {
        assert_eq!(group(text).silent, Some(SilentReason::Heartbeat), "{text}");
    }
    let reply = group(&format!("HEARTBEAT_OK\n\n{news}"));
    assert_eq!((reply.text.as_str(), reply.silent), (news.as_str(), None));
    assert_eq!(group("HEARTBEAT_OKAY is a word").silent, None);
    assert_eq!(
        group("say HEARTBEAT_OK when well").text,
        "say HEARTBEAT_OK when well"
    );
    let direct = finalise(
        "HEARTBEAT_OK means all is well",
        &ReplyContext { direct: true },
    );
    assert_eq!(direct.text, "means all is well");
}

#[test]
fn previews_show_nothing_that_may_vanish() {
    for (text, expected) in [
        ("N", ""),
        ("no_r", ""),
        ("[NO_REPLY", ""),
        ("Nobody", "Nobody"),
        ("HEARTBEAT_", ""),
        ("HEARTBEAT_OK fine", "fine"),
        ("Fine. HEARTB", "Fine."),
        ("Hello [", "Hello"),
        ("Hello [[", "Hello"),
        ("Hello [[reply_to: 1", "Hello"),
        ("Hello [[reply_to_current]", "Hello"),
        ("[[reply_to_current]] Hello", "Hello"),
        ("see [[wiki", "see [[wiki"),
        ("a\n```rust\nlet x", "a\n```rust\nlet x\n```"),
        ("a\n```rust", "a"),
        ("a\n```\nb\n``", "a\n```\nb\n```"),
        ("a\n~~~~\nb", "a\n~~~~\nb\n~~~~"),
        ("a\n```\nb\n```\nc", "a\n```\nb\n```\nc"),
    ] {
        assert_eq!(preview(text), expected, "{text:?}");
    }
}

#[test]
fn previews_end_the_styles_that_are_still_being_written() {
    for (text, expected) in [
        ("so **imp", "so **imp**"),
        ("so **important*", "so **important**"),
        ("so **important**", "so **important**"),
        ("so **", "so"),
        ("**", "**"),
        ("so **a *b", "so **a *b***"),
        ("so ***a", "so ***a***"),
        ("it ~~was", "it ~~was~~"),
        ("run `cargo te", "run `cargo te`"),
        ("run `a*b", "run `a*b`"),
        ("run `", "run"),
        ("a `b` **c", "a `b` **c**"),
        ("- **one**\n- **tw", "- **one**\n- **tw**"),
        ("a **b\n\nc", "a **b\n\nc"),
        ("a **b\n- c", "a **b\n- c"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("2 ** 3", "2 ** 3"),
        ("snake_case_name", "snake_case_name"),
        ("a \\*b", "a \\*b"),
        ("about ~", "about"),
        ("```\n**x\n```\ny", "```\n**x\n```\ny"),
        ("**ü", "**ü**"),
        ("a \\", "a \\"),
    ] {
        assert_eq!(preview(text), expected, "{text:?}");
    }
    let whole = "**One** thing is *quite* clear, `**` and ~~not~~ **two *or* three**.";
    for (end, _) in whole.char_indices().skip(3) {
        let shown = html(&preview(&whole[..end]));
        let prose = shown
            .replace("<code>**</code>", "")
            .replace("<code>*</code>", "");
        assert!(!prose.contains(['*', '~', '`']), "{end}: {shown}");
    }
}

#[test]
fn prefixes_are_filled_in() {
    let values = PrefixValues {
        model: Some("small"),
        model_full: Some("vendor/small"),
        identity_name: Some("Ada"),
        ..PrefixValues::default()
    };
    let expand = |template| expand_prefix(template, &values);
    assert_eq!(
        expand("[{identity.name} {model}|{modelFull}]"),
        "[Ada small|vendor/small]"
    );
    assert_eq!(expand("{thinkingLevel} {x} {"), "{thinkingLevel} {x} {");
    assert_eq!(apply_prefix("[A]", "hi"), "[A] hi");
    assert_eq!(apply_prefix("A:\n", "hi"), "A:\nhi");
    assert_eq!(apply_prefix("[A]", "[A] hi"), "[A] hi");
}
