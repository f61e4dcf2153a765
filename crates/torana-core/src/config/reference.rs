//! The reference page: one table per section, generated from the schema.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::path::{KeyPath, Segment};
use super::schema::{self, TreeSchema};
use super::walk::words_of;

/// The configuration reference as Markdown.
#[must_use]
pub fn reference_markdown(schema: &TreeSchema) -> String {
    let mut page = String::from(
        "# Configuration reference\n\n\
         Generated from the types; change the doc comments, not this page.\n\n\
         The *reload* column says what a change needs: *live* takes effect at once, *account* restarts the channel account, *restart* needs a restart of the gateway.\n\
         `*` stands for a name you choose, `[]` for the items of a list.\n",
    );
    let root = schema.as_value();
    let mut rows = Vec::new();
    for (name, property) in properties(root) {
        match name.as_str() {
            "channels" => {
                for (channel, section) in properties(property) {
                    write_section(
                        &mut page,
                        &KeyPath::from_keys(&["channels", channel]),
                        section,
                    );
                }
            }
            _ if has_rows_below(property) => {
                write_section(&mut page, &KeyPath::from_keys(&[name]), property)
            }
            _ => rows.push((name, property)),
        }
    }
    if !rows.is_empty() {
        write_heading(&mut page, "Root", None);
        for (name, property) in rows {
            write_row(&mut page, name, property, None, false);
        }
    }
    page
}

fn write_section(page: &mut String, path: &KeyPath, schema: &Value) {
    write_heading(page, &format!("`{path}`"), description(schema));
    if schema.get("type").and_then(Value::as_str) == Some("array") {
        write_row(page, &path.to_string(), schema, None, false);
    }
    write_rows(page, path, schema, None);
}

fn write_heading(page: &mut String, title: &str, description: Option<String>) {
    push(page, format_args!("\n## {title}\n\n"));
    if let Some(description) = description {
        push(page, format_args!("{description}\n\n"));
    }
    page.push_str(
        "| Key | Type | Default | Meaning | Reload | Since |\n|---|---|---|---|---|---|\n",
    );
}

/// The rows of everything below `schema`; sections and maps without own meaning are stepped through.
fn write_rows(page: &mut String, path: &KeyPath, schema: &Value, reload: Option<&str>) {
    let reload = text(schema, "x-reload").or(reload);
    for (name, property) in properties(schema) {
        let path = path.key(name);
        if !has_rows_below(property)
            || schema::branches(property).is_some()
            || is_map_or_list(property)
        {
            write_row(
                page,
                &path.to_string(),
                property,
                reload,
                is_required(schema, name),
            );
        }
        write_rows(page, &path, property, reload);
    }
    let star = path.with(Segment::Key("*".to_owned()));
    if let Some(values) = schema
        .get("additionalProperties")
        .filter(|values| has_rows_below(values))
    {
        write_rows_of_item(
            page,
            &star.to_string().replace("[\"*\"]", ".*"),
            values,
            reload,
        );
    }
    if let Some(items) = schema.get("items").filter(|items| has_rows_below(items)) {
        write_rows_of_item(page, &format!("{path}[]"), items, reload);
    }
    for branch in schema::branches(schema).unwrap_or_default() {
        if !schema::is_secret(schema) {
            write_rows(page, path, branch, reload);
        }
    }
}

/// As [`write_rows`], below a `*` or `[]`, which is no key and so not part of a path.
fn write_rows_of_item(page: &mut String, prefix: &str, schema: &Value, reload: Option<&str>) {
    let mut rows = String::new();
    write_rows(&mut rows, &KeyPath::root(), schema, reload);
    for row in rows.lines() {
        match row.strip_prefix("| `") {
            Some(rest) => push(page, format_args!("| `{prefix}.{rest}\n")),
            None => push(page, format_args!("{row}\n")),
        }
    }
}

fn write_row(page: &mut String, key: &str, schema: &Value, reload: Option<&str>, required: bool) {
    let default = match schema.get("default") {
        Some(value) => format!("`{value}`"),
        None if required => "required".to_owned(),
        None => String::new(),
    };
    let mut meaning = description(schema).unwrap_or_default();
    if let Some(aliases) = schema.get("x-aliases").and_then(Value::as_array) {
        let aliases: Vec<String> = aliases
            .iter()
            .filter_map(Value::as_str)
            .map(|alias| format!("`{alias}`"))
            .collect();
        push(
            &mut meaning,
            format_args!(" Also spelled {}.", aliases.join(", ")),
        );
    }
    if schema.get("deprecated") == Some(&Value::Bool(true)) {
        meaning.push_str(" Deprecated.");
    }
    let reload = text(schema, "x-reload").or(reload).unwrap_or("live");
    let since = text(schema, "x-since").unwrap_or("0.1.0");
    push(
        page,
        format_args!(
            "| `{key}` | {} | {default} | {} | {reload} | {since} |\n",
            type_text(schema),
            meaning.replace('|', "\\|").trim()
        ),
    );
}

fn type_text(schema: &Value) -> String {
    if schema::is_secret(schema) {
        return "secret".to_owned();
    }
    let mut described = if let Some(words) = words_of(schema) {
        words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ")
    } else if let Some(branches) = schema::branches(schema) {
        let mut types: Vec<String> = branches.iter().map(type_text).collect();
        types.dedup();
        types.join(" or ")
    } else {
        let names: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        match names.as_slice() {
            [] => "any".to_owned(),
            ["array"] => format!(
                "list of {}",
                schema
                    .get("items")
                    .map_or_else(|| "any".to_owned(), type_text)
            ),
            ["object"] => match schema.get("additionalProperties") {
                Some(values @ Value::Object(_)) => format!("map of {}", type_text(values)),
                _ => "object".to_owned(),
            },
            names => names
                .iter()
                .map(|name| type_word(name))
                .collect::<Vec<_>>()
                .join(" or "),
        }
    };
    if let Some(unit) = text(schema, "x-unit") {
        push(&mut described, format_args!(" ({unit})"));
    }
    if let (Some(least), Some(most)) = (schema.get("minimum"), schema.get("maximum"))
        && most.as_u64().is_none_or(|most| most < u64::from(u32::MAX))
    {
        push(&mut described, format_args!(", {least} to {most}"));
    }
    described
}

fn type_word(name: &str) -> &str {
    match name {
        "string" => "text",
        "boolean" => "true or false",
        "integer" => "whole number",
        other => other,
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|names| names.iter().any(|known| known == name))
}

fn has_rows_below(schema: &Value) -> bool {
    let nested = [schema.get("additionalProperties"), schema.get("items")];
    !schema::is_secret(schema)
        && (schema
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|properties| !properties.is_empty())
            || nested.into_iter().flatten().any(has_rows_below)
            || schema::branches(schema)
                .unwrap_or_default()
                .iter()
                .any(has_rows_below))
}

fn is_map_or_list(schema: &Value) -> bool {
    schema.get("items").is_some()
        || schema
            .get("additionalProperties")
            .is_some_and(Value::is_object)
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn text<'a>(schema: &'a Value, keyword: &str) -> Option<&'a str> {
    schema.get(keyword).and_then(Value::as_str)
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text)
        .expect("writing to a string cannot fail");
}
