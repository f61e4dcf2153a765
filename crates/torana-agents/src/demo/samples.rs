//! The texts that show off rendering.

use std::fmt::Write as _;

pub(super) const MARKDOWN: &str = r#"# A heading

Some **bold**, some *italic*, some ~~struck~~ and some `inline code`.

## Lists

1. First
2. Second
   - nested
   - twice
3. Third

- [x] a task that is done
- [ ] one that is not

## A table

| Channel | Streams | Edits |
|---|:---:|---:|
| WebChat | yes | yes |
| Telegram | yes | one per second |

> A quotation, with a second line
> and a [link](https://example.com/).

---

```sh
torana config set agents.defaults.model.primary openai/gpt-5-mini
```

Emoji 🎉 and other scripts: Grüße, Привет, 你好, مرحبا.
"#;

pub(super) const CODE: &str = r#"A function in Rust:

```rust
/// The greatest common divisor.
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
```

The same in Python:

```python
def gcd(a: int, b: int) -> int:
    return a if b == 0 else gcd(b, a % b)
```

And some configuration:

```json
{ "gateway": { "port": 18789 }, "tags": ["<b>not bold</b>", "a & b"] }
```
"#;

pub(super) const SLOW: &str = "This answer takes its time, so that you can watch it grow and try what happens meanwhile. \
On platforms that allow edits the message is updated as it grows; in the browser every piece appears at once. \
You can press stop, and the text so far stays. You can send another message, and it is either taken into this turn or \
waits for its own. You can even stop the gateway in the middle: the message you sent is stored, and after the next start \
it is answered again. That is all I have to say, only slower than usual, and this was the last sentence.";

/// A reply of more than 9,000 characters: longer than any platform takes in one message.
pub(super) fn long() -> String {
    const TOPICS: [&str; 9] = [
        "How a message comes in",
        "Why it is stored first",
        "Who may write",
        "Where it goes",
        "What a lane is",
        "How an answer streams",
        "What happens when a model fails",
        "How a reply is delivered",
        "What a crash costs",
    ];
    const SENTENCES: [&str; 6] = [
        "Every step leaves a mark in one of two journals, so that nothing is lost between them.",
        "The platform only hears that a message has arrived once it is safely on disk.",
        "A conversation keeps its order, even when many others are busy at the same time.",
        "Whatever can wait has an end to its waiting, and whatever can grow has a bound.",
        "When something cannot be done, the reason is written down where people can find it.",
        "Long texts are cut at paragraphs, never in the middle of a word or of a code block.",
    ];
    let mut text =
        "# A long answer\n\nThis text is longer than one message may be on most platforms.\n\n"
            .to_owned();
    for (number, topic) in TOPICS.iter().enumerate() {
        // Writing to a string cannot fail.
        write!(text, "## {}. {topic}\n\n", number + 1).unwrap_or_default();
        for paragraph in 0..2 {
            for sentence in 0..4 {
                text.push_str(SENTENCES[(number + paragraph * 2 + sentence) % SENTENCES.len()]);
                text.push(' ');
            }
            text.push_str("\n\n");
        }
        for item in 0..3 {
            let sentence = SENTENCES[(number * 2 + item) % SENTENCES.len()];
            writeln!(text, "- Point {}: {sentence}", item + 1).unwrap_or_default();
        }
        text.push('\n');
        if number == 4 {
            text.push_str("```rust\n");
            for line in 1..=24 {
                writeln!(text, "let step_{line:02} = journal.commit(step_{:02})?; // nothing before this line is lost", line - 1)
                    .unwrap_or_default();
            }
            text.push_str("```\n\n");
        }
    }
    text.push_str("That was the end of the long answer.\n");
    text
}
