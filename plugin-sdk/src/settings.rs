//! Reading settings: JSON without floating point.
//!
//! Usual JSON readers bring code for floating point, and a component that a company wants to be free of it may not have
//! any. Settings write decimals as texts (`"2.80"`), so this reader knows integers only; a number with a fraction is an
//! error that says so.

use std::borrow::Cow;
use std::fmt;

use guanjia_values::Problem;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, Unexpected, Visitor};

use crate::no::problem;

/// Settings come from a form; deeper nesting is a mistake or an attack on the stack.
const DEPTH_MAX: usize = 64;

/// Reads settings. The problem's `about` says where and why.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let settings = T::deserialize(&mut reader).and_then(|settings| {
        reader.skip_space();
        if reader.at == text.len() { Ok(settings) } else { Err(reader.error("something follows after the end")) }
    });
    settings.map_err(|error| problem("invalid-settings", &error.to_string(), &[]))
}

/// What is wrong, as a sentence.
#[derive(Debug)]
struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// What serde would format of an unexpected value can be floating point; these sentences leave it out.
impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("expected {expected}"))
    }
}

struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: usize,
}

/// The start of a value, or all of it where it has no parts.
enum Token<'de> {
    Text(Cow<'de, str>),
    Unsigned(u64),
    Signed(i64),
    Flag(bool),
    Null,
    List,
    Object,
}

impl<'de> Reader<'de> {
    fn error(&self, reason: &str) -> Error {
        Error(format!("{reason} (byte {})", self.at))
    }

    fn peek_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'de str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek_byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte that is no space, without taking it.
    fn peek(&mut self) -> Result<u8, Error> {
        self.skip_space();
        self.peek_byte().ok_or_else(|| self.error("the text ends too early"))
    }

    fn take(&mut self, byte: u8, expected: &str) -> Result<(), Error> {
        if self.peek()? != byte {
            return Err(self.error(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        if !self.rest().starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The rest of a number that consists of digits, as its magnitude.
    fn integer(&mut self) -> Result<u64, Error> {
        let start = self.at;
        while matches!(self.peek_byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if matches!(self.peek_byte(), Some(b'.' | b'e' | b'E')) {
            return Err(self.error("write a number with a fraction as a text, like \"2.80\""));
        }
        let digits = self.text.get(start..self.at).unwrap_or_default();
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(self.error("a number does not start with 0"));
        }
        digits.parse().map_err(|_| self.error("not an integer of 64 bits"))
    }

    /// What starts here. Not generic over what is read, so that a component has this code once.
    fn token(&mut self) -> Result<Token<'de>, Error> {
        match self.peek()? {
            b'"' => self.string().map(Token::Text),
            b'0'..=b'9' => self.integer().map(Token::Unsigned),
            b'-' => {
                self.at += 1;
                let value = 0_i64.checked_sub_unsigned(self.integer()?);
                value.map(Token::Signed).ok_or_else(|| self.error("not an integer of 64 bits"))
            }
            b't' => self.word("true").map(|()| Token::Flag(true)),
            b'f' => self.word("false").map(|()| Token::Flag(false)),
            b'n' => self.word("null").map(|()| Token::Null),
            byte @ (b'[' | b'{') => {
                if self.depth == DEPTH_MAX {
                    return Err(self.error("nested too deeply"));
                }
                self.depth += 1;
                self.at += 1;
                Ok(if byte == b'[' { Token::List } else { Token::Object })
            }
            _ => Err(self.error("expected a value")),
        }
    }

    /// The end of what [`Token::List`] or [`Token::Object`] opened.
    fn close(&mut self, byte: u8, expected: &str) -> Result<(), Error> {
        self.depth -= 1;
        self.take(byte, expected)
    }

    /// A text with its quotes: borrowed where nothing in it is escaped.
    fn string(&mut self) -> Result<Cow<'de, str>, Error> {
        self.take(b'"', "expected a text")?;
        let mut owned = String::new();
        loop {
            let rest = self.rest();
            let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let Some((plain, stop)) = end.and_then(|end| Some((rest.get(..end)?, *rest.as_bytes().get(end)?))) else {
                return Err(self.error("the text has no closing quote"));
            };
            self.at += plain.len() + 1;
            match stop {
                b'"' if owned.is_empty() => return Ok(Cow::Borrowed(plain)),
                b'"' => {
                    owned.push_str(plain);
                    return Ok(Cow::Owned(owned));
                }
                b'\\' => {
                    owned.push_str(plain);
                    owned.push(self.escape()?);
                }
                _ => return Err(self.error("a control character must be escaped")),
            }
        }
    }

    /// The character that an escape after its backslash means.
    fn escape(&mut self) -> Result<char, Error> {
        let byte = self.peek_byte().ok_or_else(|| self.error("the text ends too early"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(self.error("unknown escape")),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Error> {
        let first = self.four_hex()?;
        let code = match first {
            0xd800..0xdc00 => {
                self.word("\\u")?;
                let second = self.four_hex()?;
                let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                0x1_0000 + ((first - 0xd800) << 10) + low.ok_or_else(|| self.error("half a surrogate pair"))?
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.error("half a surrogate pair"))
    }

    fn four_hex(&mut self) -> Result<u32, Error> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| Error("expected four hexadecimal digits".to_owned()))
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Token::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Token::Unsigned(number) => visitor.visit_u64(number),
            Token::Signed(number) => visitor.visit_i64(number),
            Token::Flag(flag) => visitor.visit_bool(flag),
            Token::Null => visitor.visit_unit(),
            Token::List => {
                let value = visitor.visit_seq(Items { reader: &mut *self, first: true })?;
                self.close(b']', "expected the end of the list").map(|()| value)
            }
            Token::Object => {
                let value = visitor.visit_map(Items { reader: &mut *self, first: true })?;
                self.close(b'}', "expected the end of the object").map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek()? == b'n' {
            self.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.peek()? == b'"' {
            return visitor.visit_enum(Variant { reader: self, has_content: false });
        }
        match self.token()? {
            Token::Object => {
                let value = visitor.visit_enum(Variant { reader: &mut *self, has_content: true })?;
                self.close(b'}', "expected an object with one member").map(|()| value)
            }
            _ => Err(self.error("expected a text or an object with one member")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// Entries of a list or an object.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
}

impl Items<'_, '_> {
    /// Whether another entry follows; takes the comma before it.
    fn another(&mut self, end: u8) -> Result<bool, Error> {
        if self.reader.peek()? == end {
            return Ok(false);
        }
        if !self.first {
            self.reader.take(b',', "expected a comma")?;
        }
        self.first = false;
        Ok(true)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if !self.another(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if !self.another(b'}')? {
            return Ok(None);
        }
        if self.reader.peek()? != b'"' {
            return Err(self.reader.error("expected a member's name"));
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.take(b':', "expected a colon")?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant: its name alone, or the name and content of an object's one member.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
    has_content: bool,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let name = seed.deserialize(&mut *self.reader)?;
        if self.has_content {
            self.reader.take(b':', "expected a colon")?;
        }
        Ok((name, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.has_content { de::Deserialize::deserialize(self.reader) } else { Ok(()) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.reader.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.reader.deserialize_any(visitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use guanjia_values::Decimal;
    use rstest::rstest;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Settings {
        price: Decimal,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        days: Vec<u8>,
        #[serde(default)]
        by_kind: BTreeMap<String, Decimal>,
        #[serde(default)]
        basis: Basis,
    }

    #[derive(Debug, PartialEq, Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Basis {
        #[default]
        Area,
        Share(i64),
        Storey {
            from: i8,
        },
    }

    fn read(text: &str) -> Result<Settings, String> {
        parse(text).map_err(|problem| problem.about)
    }

    #[test]
    fn everything_a_settings_struct_has() {
        let text = r#" { "price" : "2.80", "name": "A\"\u7269\ud83d\ude00\n", "days": [ 1 , 255 ],
            "by-kind": { "shop": "5", "住宅": "-0.5" }, "basis": { "storey": { "from": -2 } } } "#;
        let settings = read(text).unwrap();
        assert_eq!(settings.name.unwrap(), "A\"物😀\n");
        assert_eq!((settings.price, settings.days), (Decimal::new(280, 2), vec![1, 255]));
        assert_eq!(settings.by_kind["住宅"], Decimal::new(-5, 1));
        assert_eq!(settings.basis, Basis::Storey { from: -2 });
        let share = read(r#"{"price":"1","basis":{"share":-9223372036854775808},"name":null,"days":[]}"#).unwrap();
        assert_eq!((share.basis, share.name), (Basis::Share(i64::MIN), None));
        assert_eq!(read(r#"{"price":"1","basis":"area"}"#).unwrap().basis, Basis::Area);
    }

    #[rstest]
    #[case::fraction(r#"{"price": 2.80}"#, "2.80")]
    #[case::exponent(r#"{"price": 1e3}"#, "as a text")]
    #[case::number_for_text(r#"{"price": 2}"#, "2.80")]
    #[case::bad_decimal(r#"{"price": "2,80"}"#, "2.80")]
    #[case::unknown_member(r#"{"price": "1", "prize": "2"}"#, "prize")]
    #[case::doubled_member(r#"{"price": "1", "price": "2"}"#, "duplicate")]
    #[case::missing_member("{}", "price")]
    #[case::trailing_comma(r#"{"price": "1",}"#, "name")]
    #[case::trailing_comma_in_a_list(r#"{"price": "1", "days": [1,]}"#, "expected a value")]
    #[case::no_comma(r#"{"price": "1" "name": "x"}"#, "comma")]
    #[case::leading_zero(r#"{"price": "1", "days": [01]}"#, "start with 0")]
    #[case::too_large(r#"{"price": "1", "days": [256]}"#, "u8")]
    #[case::above_64_bits(r#"{"price": "1", "days": [18446744073709551616]}"#, "64 bits")]
    #[case::minus_only(r#"{"price": "1", "basis": {"share": -}}"#, "64 bits")]
    #[case::unknown_variant(r#"{"price": "1", "basis": "volume"}"#, "volume")]
    #[case::two_variants(r#"{"price": "1", "basis": {"share": 1, "area": 2}}"#, "one member")]
    #[case::open_text(r#"{"price": "1"#, "quote")]
    #[case::half_pair(r#"{"price": "1", "name": "\ud83d\u0041"}"#, "surrogate")]
    #[case::lone_low_half(r#"{"price": "1", "name": "\ude00"}"#, "surrogate")]
    #[case::bad_hex(r#"{"price": "1", "name": "\u00g0"}"#, "hexadecimal")]
    #[case::control_character("{\"price\": \"1\", \"name\": \"\n\"}", "escaped")]
    #[case::rest(r#"{"price": "1"} x"#, "follows")]
    #[case::empty("", "too early")]
    fn mistakes_are_told(#[case] text: &str, #[case] words: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn deep_nesting_is_refused_and_not_a_crash() {
        let deep = "[".repeat(100_000);
        assert!(parse::<de::IgnoredAny>(&deep).unwrap_err().about.contains("deeply"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:\\\\u0-9a-ftrun.\\-e é]{0,40}") {
            let _ = parse::<Settings>(&text);
            let _ = parse::<de::IgnoredAny>(&text);
        }
    }
}
