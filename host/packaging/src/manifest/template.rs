//! Sentences with placeholders: `{area}`, `{value}`, `{since:date}`.

use guanjia_values::{Date, Decimal};

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// Name and format of a placeholder.
    Placeholder {
        name: &'a str,
        format: Option<&'a str>,
    },
    /// A brace that opens or closes nothing.
    StrayBrace(&'a str),
}

/// Cuts a template into its parts.
pub fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find(['{', '}']) {
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
        }
        let tail = &rest[start..];
        match tail[1..].find(['{', '}']).map(|length| length + 1) {
            Some(end) if tail.starts_with('{') && tail[end..].starts_with('}') => {
                let inner = &tail[1..end];
                let (name, format) = inner.split_once(':').map_or((inner, None), |(name, format)| (name, Some(format)));
                pieces.push(Piece::Placeholder { name, format });
                rest = &tail[end + 1..];
            }
            _ => {
                pieces.push(Piece::StrayBrace(&tail[..1]));
                rest = &tail[1..];
            }
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The sentence with its numbers. What has no number stays as it is written.
pub fn render(template: &str, names: &[String], args: &[Decimal], value: Option<Decimal>) -> String {
    let mut sentence = String::with_capacity(template.len() + 16);
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) | Piece::StrayBrace(text) => sentence.push_str(text),
            Piece::Placeholder { name, format } => {
                let number = match names.iter().position(|other| other == name) {
                    Some(index) => args.get(index).copied(),
                    None => value.filter(|_| name == "value"),
                };
                match (number, format) {
                    (Some(number), Some("date")) => sentence.push_str(&date_text(number)),
                    (Some(number), _) => sentence.push_str(&number.to_string()),
                    (None, Some(format)) => sentence.push_str(&format!("{{{name}:{format}}}")),
                    (None, None) => sentence.push_str(&format!("{{{name}}}")),
                }
            }
        }
    }
    sentence
}

fn date_text(number: Decimal) -> String {
    match i32::try_from(number.mantissa) {
        Ok(days) if number.scale == 0 => Date::from_days(days).to_string(),
        _ => number.to_string(),
    }
}
