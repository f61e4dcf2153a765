//! What a method's parameters must look like, declared beside the method, and a check whose texts are those of the
//! reference: clients and their tests match them.

use serde_json::{Map, Value};

/// An object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    /// Its fields, in the order in which missing ones are reported.
    pub(crate) fields: &'static [Field],
    /// Other keys are welcome.
    pub(crate) open: bool,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Key.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// It must be there.
    pub(crate) required: bool,
    /// What comes of it.
    pub(crate) effect: Effect,
}

/// What comes of a field: nothing is accepted without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The handler acts on it.
    Read,
    /// The handler stores it as it came, as part of a record.
    Kept,
    /// Every value of it asks for what happens anyway; the text says why.
    Moot(&'static str),
    /// It asks for something this gateway does not have: a call that asks is refused with these words.
    Absent(&'static str),
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Anything.
    Any,
    /// Text of at least and at most this many characters.
    Text(usize, usize),
    /// A truth value.
    Bool,
    /// A whole number within bounds.
    Int(i64, i64),
    /// A number that is not negative.
    Number,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, which the published schema has as constants; a fault is told as it tells it.
    Constant(&'static [&'static str]),
    /// A list.
    List(&'static Kind),
    /// A list of at least and at most this many.
    Items(&'static Kind, usize, usize),
    /// This, or a list of it.
    OrList(&'static Kind),
    /// An object of its own.
    Object(&'static Spec),
    /// An object with free keys.
    Map(&'static Kind),
    /// This, or null.
    OrNull(&'static Kind),
    /// This, or one of these words.
    OrWord(&'static Kind, &'static [&'static str]),
}

/// Longest text that is not bounded otherwise: the frame is.
pub(crate) const LONG: usize = usize::MAX;
/// Largest whole number JavaScript clients can send exactly.
pub(crate) const INT_MAX: i64 = 9_007_199_254_740_991;
/// Text with at least one character.
pub(crate) const NAME: Kind = Kind::Text(1, LONG);
/// Any text.
pub(crate) const TEXT: Kind = Kind::Text(0, LONG);
/// Zero or more.
pub(crate) const COUNT: Kind = Kind::Int(0, INT_MAX);
/// One or more.
pub(crate) const POSITIVE: Kind = Kind::Int(1, INT_MAX);

/// An optional field.
pub(crate) const fn may(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
        effect: Effect::Read,
    }
}

/// An optional field that is stored as it came.
pub(crate) const fn kept(name: &'static str, kind: Kind) -> Field {
    keep(may(name, kind))
}

/// A field that is stored as it came.
pub(crate) const fn keep(field: Field) -> Field {
    Field {
        effect: Effect::Kept,
        ..field
    }
}

/// An optional field that cannot change anything here, and why.
pub(crate) const fn moot(name: &'static str, kind: Kind, why: &'static str) -> Field {
    idle(may(name, kind), why)
}

/// A field that cannot change anything here, and why.
pub(crate) const fn idle(field: Field, why: &'static str) -> Field {
    Field {
        effect: Effect::Moot(why),
        ..field
    }
}

/// An optional field for something this gateway does not have: null, `false` and what is empty pass, the rest is
/// refused.
pub(crate) const fn absent(name: &'static str, kind: Kind, what: &'static str) -> Field {
    Field {
        effect: Effect::Absent(what),
        ..may(name, kind)
    }
}

/// A required field.
pub(crate) const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: true,
        effect: Effect::Read,
    }
}

/// An object that refuses other keys.
pub(crate) const fn closed(fields: &'static [Field]) -> Spec {
    Spec {
        fields,
        open: false,
    }
}

/// An object that takes other keys.
pub(crate) const fn open(fields: &'static [Field]) -> Spec {
    Spec { fields, open: true }
}

/// Told after the faults of each alternative (OpenClaw 2026.9.6).
const NO_ALTERNATIVE: &str = "must match a schema in anyOf";
/// Told of a word that is none of a list (OpenClaw 2026.9.6).
const NOT_ALLOWED: &str = "must be equal to one of the allowed values";
/// Faults one answer tells of (OpenClaw 2026.9.6).
const FAULTS_MAX: usize = 8;

/// Checks a value; the text says what is wrong. `forgiving` ignores keys a newer client may know
/// (decisions-control-and-agents 24).
pub(crate) fn check(spec: &Spec, value: &Value, forgiving: bool) -> Result<(), String> {
    let mut check = Check {
        forgiving,
        faults: Vec::new(),
    };
    check.object(spec, value, "");
    if check.faults.is_empty() {
        Ok(())
    } else {
        Err(check.faults.join("; "))
    }
}

fn at(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("at {path}: ")
    }
}

/// One check. Of an object it tells the first key that is missing, the first that is unknown, and what is wrong with the
/// others, in this order, as the reference does.
struct Check {
    forgiving: bool,
    faults: Vec<String>,
}

impl Check {
    fn fault(&mut self, text: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(text);
        }
    }

    fn object(&mut self, spec: &Spec, value: &Value, path: &str) {
        let Value::Object(map) = value else {
            return self.fault(format!("{}must be object", at(path)));
        };
        let missing = |field: &&Field| field.required && !map.contains_key(field.name);
        if let Some(field) = spec.fields.iter().find(missing) {
            let name = field.name;
            self.fault(format!("{}must have required property '{name}'", at(path)));
        }
        if !spec.open && !self.forgiving {
            self.unknown_key(spec, map, path);
        }
        for field in spec.fields {
            let Some(value) = map.get(field.name) else {
                continue;
            };
            let (place, before) = (format!("{path}/{}", field.name), self.faults.len());
            self.kind(&field.kind, value, &place);
            if self.faults.len() > before {
                continue;
            }
            if names_something(field.name) && is_cut(value) {
                self.fault(format!("at {place}: must be well-formed text"));
            } else if let Effect::Absent(what) = field.effect
                && asks(value)
            {
                self.fault(format!("at {place}: {what}"));
            }
        }
    }

    fn unknown_key(&mut self, spec: &Spec, map: &Map<String, Value>, path: &str) {
        let known = |key: &str| spec.fields.iter().any(|field| field.name == key);
        if let Some(key) = map.keys().find(|key| !known(key)) {
            let place = if path.is_empty() { "root" } else { path };
            // The key is the client's: it is shortened, so that an answer stays small.
            let short: String = key.chars().take(64).collect();
            self.fault(format!("at {place}: unexpected property '{short}'"));
        }
    }

    fn kind(&mut self, kind: &Kind, value: &Value, path: &str) {
        match (kind, value) {
            (Kind::List(item) | Kind::OrList(item), Value::Array(items)) => {
                self.items(item, items, path);
            }
            (Kind::Items(item, min, max), Value::Array(items)) => {
                if items.len() < *min {
                    self.place(path, &format!("must not have fewer than {min} items"));
                } else if items.len() > *max {
                    self.place(path, &format!("must not have more than {max} items"));
                } else {
                    self.items(item, items, path);
                }
            }
            (Kind::OrList(item), value) => {
                self.either(item, value, path, &["must be array"]);
            }
            (Kind::Object(spec), value) => self.object(spec, value, path),
            (Kind::Map(item), Value::Object(map)) => {
                for (key, value) in map {
                    // The key is the client's: it is shortened, so that an answer stays small.
                    let short: String = key.chars().take(64).collect();
                    self.kind(item, value, &format!("{path}/{short}"));
                }
            }
            (Kind::OrNull(_), Value::Null) => {}
            // Not alternatives in the published schema but types and values of one.
            (Kind::OrNull(inner @ (Kind::OneOf(_) | Kind::Object(_))), value) => {
                self.kind(inner, value, path);
            }
            (Kind::OrNull(inner), value) => {
                self.either(inner, value, path, &["must be null", NO_ALTERNATIVE]);
            }
            (Kind::OrWord(inner, words), value) => {
                if !value.as_str().is_some_and(|word| words.contains(&word)) {
                    let word = [
                        "must be string",
                        "must be equal to constant",
                        NO_ALTERNATIVE,
                    ];
                    let first = usize::from(value.is_string());
                    self.either(inner, value, path, &word[first..]);
                }
            }
            (kind, value) => {
                for fault in scalar(kind, value) {
                    self.place(path, &fault);
                }
            }
        }
    }

    fn place(&mut self, path: &str, fault: &str) {
        self.fault(format!("at {path}: {fault}"));
    }

    fn items(&mut self, item: &Kind, items: &[Value], path: &str) {
        for (index, value) in items.iter().enumerate() {
            self.kind(item, value, &format!("{path}/{index}"));
            if self.faults.len() >= FAULTS_MAX {
                return;
            }
        }
    }

    /// Checks the first of several alternatives; when it does not fit, the faults of the others follow.
    fn either(&mut self, first: &Kind, value: &Value, path: &str, others: &[&str]) {
        let before = self.faults.len();
        self.kind(first, value, path);
        if self.faults.len() == before {
            return;
        }
        let is_last = others.last() == Some(&NO_ALTERNATIVE);
        if is_last
            && self
                .faults
                .last()
                .is_some_and(|fault| fault.ends_with(NO_ALTERNATIVE))
        {
            self.faults.pop();
        }
        for other in others {
            self.place(path, other);
        }
    }
}

/// Whether the values of a field tell one thing from another.
fn names_something(field: &str) -> bool {
    matches!(field, "id" | "key" | "ids" | "keys")
        || ["Id", "Key", "Ids", "Keys"]
            .iter()
            .any(|end| field.ends_with(end))
}

/// A cut emoji becomes U+FFFD in texts; in what names something it could be mistaken for another (control decision 23).
fn is_cut(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(char::REPLACEMENT_CHARACTER),
        Value::Array(items) => items.iter().any(is_cut),
        _ => false,
    }
}

/// Whether a value asks for anything.
fn asks(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// What is wrong with a value that has no parts.
fn scalar(kind: &Kind, value: &Value) -> Vec<String> {
    let word = |text: &str| vec![text.to_owned()];
    match (kind, value) {
        (Kind::Any, _) | (Kind::Bool, Value::Bool(_)) => Vec::new(),
        (Kind::Text(min, max), Value::String(text)) => {
            // Length in UTF-16 units, as JavaScript counts.
            if text.len() < *min {
                vec![format!("must not have fewer than {min} characters")]
            } else if text.len() > *max && text.encode_utf16().count() > *max {
                vec![format!("must not have more than {max} characters")]
            } else {
                Vec::new()
            }
        }
        (Kind::Text(..), _) => word("must be string"),
        (Kind::Bool, _) => word("must be boolean"),
        (Kind::Int(min, max), Value::Number(number)) => match whole(number) {
            None => word("must be integer"),
            Some(number) if number < *min => vec![format!("must be >= {min}")],
            Some(number) if number > *max => vec![format!("must be <= {max}")],
            Some(_) => Vec::new(),
        },
        (Kind::Int(..), _) => word("must be integer"),
        (Kind::Number, Value::Number(number)) => {
            if number.as_f64().is_none_or(|number| number < 0.0) {
                word("must be >= 0")
            } else {
                Vec::new()
            }
        }
        (Kind::Number, _) => word("must be number"),
        (Kind::OneOf(words), value) => match value.as_str() {
            Some(given) if words.contains(&given) => Vec::new(),
            Some(_) => word(NOT_ALLOWED),
            None => vec!["must be string".to_owned(), NOT_ALLOWED.to_owned()],
        },
        (Kind::Constant(words), value) => constant(words, value),
        (Kind::List(_) | Kind::Items(..), _) => word("must be array"),
        (
            Kind::Map(_) | Kind::Object(_) | Kind::OrNull(_) | Kind::OrWord(..) | Kind::OrList(_),
            _,
        ) => word("must be object"),
    }
}

/// What is wrong with a value that should be one of a schema's constants.
fn constant(words: &[&str], value: &Value) -> Vec<String> {
    let given = value.as_str();
    if given.is_some_and(|given| words.contains(&given)) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if given.is_none() {
        faults.push("must be string".to_owned());
    }
    faults.push("must be equal to constant".to_owned());
    // Quirk: each word tells its own faults, equal ones are told once, and what is over the number is cut (2026.9.6).
    if words.len() > 1 && words.len() * faults.len() < FAULTS_MAX {
        faults.push(NO_ALTERNATIVE.to_owned());
    }
    faults
}

/// A whole number, also when it is written `5.0`, which JavaScript does not tell apart.
pub(crate) fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // 2^53: beyond it a float does not name one whole number.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the float is whole and within 53 bits"
        )]
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

/// Checked parameters.
#[derive(Debug, Default)]
pub(crate) struct Params(Map<String, Value>);

impl Params {
    /// Takes over an object that was checked.
    pub(crate) fn new(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A text, moved out.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<String> {
        match self.0.get_mut(name).map(Value::take) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Any value, moved out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Puts a value in.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// All of them, as they came.
    pub(crate) fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// A text that is not empty.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.text(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// A truth value.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// A whole number.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Value::Number(number)) => whole(number),
            _ => None,
        }
    }

    /// A count.
    pub(crate) fn count(&self, name: &str) -> Option<usize> {
        self.int(name)
            .and_then(|number| usize::try_from(number).ok())
    }

    /// Texts of a list.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.0.get(name).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    }

    /// A nullable text: `None` when absent, `Some(None)` when null.
    pub(crate) fn nullable(&self, name: &str) -> Option<Option<String>> {
        self.0
            .get(name)
            .map(|value| value.as_str().map(str::to_owned))
    }

    /// The raw value.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
