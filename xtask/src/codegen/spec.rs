//! Reads and checks `xtask/spec/<provider>.toml`. Every fault is told with file and line.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

mod check;

/// One provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub provider: Provider,
    #[serde(default, rename = "enum")]
    pub enums: Vec<Enum>,
    #[serde(default, rename = "struct")]
    pub structs: Vec<Struct>,
    #[serde(default, rename = "model")]
    pub models: Vec<Struct>,
    /// What refusals mean; those with a status mean it for every operation that does not say otherwise.
    #[serde(default, rename = "refusal")]
    pub refusals: Vec<Refusal>,
    #[serde(default, rename = "operation")]
    pub operations: Vec<Operation>,
}

/// A meaning that a refusal can have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub name: Spanned<String>,
    pub doc: String,
    #[serde(default)]
    pub statuses: Vec<u16>,
}

/// What a status means for one operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub status: u16,
    pub name: Spanned<String>,
}

/// How a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// By `offset`; the answer has `count` (the total) and the elements.
    Offset,
    /// By `next_token`, which the answer has as long as there is more.
    Token,
    /// By `page` from 1 on, with `limit` elements each; a page that is not full is the last.
    Number,
    /// By `start_index`, with `page_size` elements at once; a page that is not full is the last.
    Index,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The crate and the command line's name.
    pub name: String,
    pub title: String,
    /// The type in `crate::credentials` that implements `Service`.
    pub service: Option<String>,
    /// The server that the OpenAPI document names.
    pub server: String,
    /// Variables of paths that no field holds: a method of this name of the service gives them.
    #[serde(default)]
    pub path_vars: Vec<String>,
    /// The module of the crate that its commands belong to.
    #[serde(default = "room")]
    pub commands: String,
}

fn room() -> String {
    "room".into()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enum {
    /// Whether the crate's main specification defines it.
    #[serde(skip)]
    pub elsewhere: bool,
    pub name: Spanned<String>,
    pub doc: String,
    pub values: Vec<EnumValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnumValue {
    pub name: Spanned<String>,
    pub wire: Spanned<String>,
    /// The name in inputs, where it is not the wire's.
    pub input: Option<String>,
    pub doc: String,
}

impl EnumValue {
    pub fn shown(&self) -> &str {
        self.input.as_deref().unwrap_or(self.wire.as_ref())
    }
}

/// A nested object of requests (`struct`) or an object of answers (`model`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Struct {
    pub name: Spanned<String>,
    pub doc: String,
    /// Members that never change: texts.
    #[serde(default)]
    pub constants: Vec<Constant>,
    #[serde(default, rename = "field")]
    pub fields: Vec<Field>,
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A request over HTTP.
    #[default]
    Http,
    /// A JSON-RPC method of a live connection.
    Rpc,
    /// A command of a live Socket.IO room.
    Command,
    /// A signaling message of a live connection; the path is its type.
    Message,
    /// A function that sends nothing, or a composed call: written by hand, listed only.
    Local,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    #[default]
    None,
    Json,
    Form,
    /// A session description, the text of the field `sdp`.
    Sdp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    Safe,
    Key,
    #[default]
    Never,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    pub name: Spanned<String>,
    /// The name of the request struct, where the operation's name would clash with another type.
    pub request: Option<String>,
    pub doc: String,
    /// Where the fact comes from, for the docs.
    pub source: String,
    #[serde(default)]
    pub kind: Kind,
    pub method: Option<String>,
    /// The path template; the event or method name for commands and RPC.
    #[serde(default)]
    pub path: String,
    /// A second path under which the emulator and other deployments serve it.
    #[serde(default)]
    pub other_paths: Vec<String>,
    /// A function of the crate that gives the path for a request and a target, where a template does not do.
    pub path_fn: Option<String>,
    /// The field that holds the whole URL: it comes from an answer. The path is then only the emulator's.
    pub url_field: Option<Spanned<String>>,
    #[serde(default)]
    pub body: BodyKind,
    #[serde(default)]
    pub replay: Replay,
    #[serde(default)]
    pub scope: String,
    pub timeout_ms: Option<u64>,
    pub max_attempts: Option<u32>,
    /// The Rust type of the answer in `crate`.
    pub output: Option<String>,
    /// The function that reads the answer, where plain JSON does not do.
    pub decode: Option<String>,
    /// The function of `crate` that makes further checks by hand.
    pub check: Option<String>,
    /// How the list goes on, for operations that answer a page of one.
    pub paging: Option<Paging>,
    /// What one element of the list is.
    pub item: Option<String>,
    /// The member of the answer that holds the elements; `items` when not given.
    pub items: Option<String>,
    #[serde(default)]
    pub refusals: Vec<Refused>,
    /// Members that never change.
    #[serde(default)]
    pub constants: Vec<Constant>,
    /// The arguments of a command, as JSON text, in which `"$name"` stands for the value of a field.
    pub args: Option<String>,
    /// The function of `crate` that makes the arguments of a command, where a template does not do.
    pub args_fn: Option<String>,
    /// Whether the body of the answer is given piece by piece.
    #[serde(default)]
    pub streamed: bool,
    /// What a command is refused with here to everybody but moderators.
    pub moderators: Option<i64>,
    #[serde(default, rename = "field")]
    pub fields: Vec<Field>,
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    pub wire: String,
    /// A text, number or boolean.
    pub value: toml::Value,
    /// The body, or the query.
    #[serde(default, rename = "in")]
    pub place: Place,
}

impl Constant {
    /// The value as JSON, which is also how Rust writes it.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(&self.value).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    #[default]
    Body,
    Path,
    Query,
    Header,
    /// An input that is not sent as it is (`check` and hand-written code use it).
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    Chars,
    Bytes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: Spanned<String>,
    /// The name in Rust, where that is not the name: `type` is a keyword.
    pub ident: Option<String>,
    pub wire: Spanned<String>,
    /// `text`, `secret`, `map` (of texts to secrets), `bool`, `u32`, `u64`, `i64`, `f64`, `json`, the name of an enum, struct or model,
    /// or a list of one of these: `[text]`.
    #[serde(rename = "type")]
    pub ty: Spanned<String>,
    pub doc: String,
    #[serde(default)]
    pub required: bool,
    /// Must be set like a required field, but by its method: for objects with too many for one constructor.
    #[serde(default)]
    pub must: bool,
    /// A value that is always sent when none is given.
    pub default: Option<String>,
    #[serde(default, rename = "in")]
    pub place: Place,
    /// Not sent when it has its default or is false.
    #[serde(default)]
    pub omit_false: bool,
    /// A number that goes over the wire as text.
    #[serde(default)]
    pub as_text: bool,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub unit: Option<LengthUnit>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub pattern: Option<Spanned<String>>,
    /// An empty text counts as missing.
    #[serde(default)]
    pub not_empty: bool,
    /// What stands before the value of a header.
    #[serde(default)]
    pub prefix: String,
    /// What stands behind it.
    #[serde(default)]
    pub suffix: String,
    /// A list that is sent when it is empty, too.
    #[serde(default)]
    pub always: bool,
    /// `Debug` tells whether it is set, but not what it holds.
    #[serde(default)]
    pub private: bool,
    /// An object whose members stand beside the others.
    #[serde(default)]
    pub flatten: bool,
    /// The vendor's code of a violation.
    pub code: Option<String>,
    /// The vendor's code of a missing value, where it is another one.
    pub required_code: Option<String>,
    /// Further wire names in answers, the first one present wins.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The function of `crate` that reads the value of an answer, where its form varies.
    pub read: Option<String>,
}

impl Operation {
    /// The constant header that tells operations on one path apart: its name and value.
    pub fn target(&self) -> Option<(&str, &str)> {
        let header = self.constants.iter().find(|c| c.place == Place::Header)?;
        Some((&header.wire, header.value.as_str()?))
    }

    /// The name of the request struct.
    pub fn request_type(&self) -> String {
        self.request.clone().unwrap_or_else(|| super::rust::camel(self.name.as_ref()))
    }
}

impl Field {
    /// The name in Rust.
    pub fn ident(&self) -> &str {
        self.ident.as_deref().unwrap_or(self.name.as_ref())
    }

    pub fn is_list(&self) -> bool {
        self.ty.as_ref().starts_with('[')
    }

    /// The type without the brackets of a list.
    pub fn element(&self) -> &str {
        self.ty.as_ref().trim_start_matches('[').trim_end_matches(']')
    }
}

/// A rule over several fields. It is broken when every condition holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub field: Spanned<String>,
    pub rule: String,
    pub code: Option<String>,
    pub message: String,
    pub when: Vec<Condition>,
    /// The rule is judged before the checks of this field; otherwise after those of all fields.
    pub before: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Condition {
    Is(String, String),
    Not(String, String),
    Set(String),
    Unset(String),
}

impl Condition {
    pub fn field(&self) -> &str {
        match self {
            Self::Is(field, _) | Self::Not(field, _) | Self::Set(field) | Self::Unset(field) => field,
        }
    }
}

/// The forms that `rtc_core::validate::pattern` knows, with a regular expression for the OpenAPI document
/// and words for the error.
pub const PATTERNS: &[(&str, &str, &str)] = &[
    ("alphanumeric", "^[A-Za-z0-9]*$", "ASCII letters and digits only"),
    ("digits", "^[0-9]*$", "decimal digits only"),
    ("name", "^[A-Za-z0-9_.-]*$", "ASCII letters, digits, `_`, `.` and `-` only"),
    ("visible_ascii", "^[!-~]*$", "visible ASCII characters only"),
    ("not_blank", "\\S", "more than white space"),
    ("printable", "^[^\\x00-\\x1f\\x7f]*$", "free of control characters"),
    ("ipv4", "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$", "an IPv4 address in dotted-quad form"),
    ("segment", "^(?!\\.{1,2}$).+$", "neither empty nor `.` nor `..`"),
    ("no_white_space", "^\\S*$", "free of white space"),
    ("dtmf", "^[0-9*#p]*$", "digits, `*`, `#` and `p` (a pause of 500 ms) only"),
    ("language_tag", "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "a language tag such as en-US"),
    ("http_url", "^https?://[^\\s\\x00-\\x1f\\x7f]+$", "an http or https URL"),
    ("ws_url", "^wss?://[^\\s\\x00-\\x1f\\x7f]+$", "a ws or wss URL"),
    ("rtmp_url", "^rtmps?://[^\\s\\x00-\\x1f\\x7f]+$", "an rtmp or rtmps URL"),
    ("e164", "^\\+?[1-9][0-9]{1,14}$", "a telephone number in E.164 form, such as +15551234567"),
    ("sip_uri", "^sips?:[^\\s\\x00-\\x1f\\x7f]+$", "a sip or sips URI"),
    ("date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a date YYYY-MM-DD"),
    (
        "date_time",
        "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$",
        "a time YYYY-MM-DD HH:MM:SS in UTC",
    ),
];

/// Forms of one provider, implemented in its `crate::model`.
pub const PROVIDER_PATTERNS: &[(&str, &str, &str)] = &[
    (
        "channel_arn",
        "^arn:aws[a-z-]*:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+$",
        "an ARN of a signaling channel (arn:aws:kinesisvideo:region:account:channel/name/time)",
    ),
    (
        "viewer_id",
        "^(?!(?i:aws_))[A-Za-z0-9_.-]*$",
        "ASCII letters, digits, `_`, `.` and `-` only, and must not start with `AWS_`",
    ),
    ("sip_call_id", "^(?!\\.{1,2}$)[!-~]+$", "visible ASCII, and neither `.` nor `..`"),
    (
        "data_channel_label",
        "^#[a-zA-Z0-9][a-zA-Z0-9-]{1,30}$",
        "`#`, a letter or digit, and 1 to 30 letters, digits and `-`",
    ),
    ("sdp", "^v=0", "a session description, which begins with v=0"),
    ("base64_text", "^[a-zA-Z0-9+/=]*$", "base64"),
    ("tag_text", "^[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*$", "letters, digits, spaces and `_.:/=+-@` only"),
    ("region", "^[a-z0-9]+(-[a-z0-9]+)*$", "a region such as us-west-2"),
];

pub fn pattern(name: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    PATTERNS.iter().chain(PROVIDER_PATTERNS).find(|p| p.0 == name)
}

/// Reads and checks a file.
pub fn read(path: &Path) -> Result<Spec, String> {
    read_beside(path, Vec::new())
}

/// Reads and checks a file that uses enums of another one.
pub fn read_beside(path: &Path, enums: Vec<Enum>) -> Result<Spec, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let elsewhere = enums.into_iter().map(|e| Enum { elsewhere: true, ..e }).collect();
    parse_beside(&path.display().to_string(), &text, elsewhere)
}

#[cfg(test)]
pub fn parse(file: &str, text: &str) -> Result<Spec, String> {
    parse_beside(file, text, Vec::new())
}

fn parse_beside(file: &str, text: &str, enums: Vec<Enum>) -> Result<Spec, String> {
    let mut spec: Spec = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(0, |s| line_of(text, s.start));
        format!("{file}:{line}: {}", e.message())
    })?;
    spec.enums.extend(enums);
    let mut faults = Vec::new();
    let mut fault = |span: std::ops::Range<usize>, message: String| {
        faults.push(format!("{file}:{}: {message}", line_of(text, span.start)));
    };
    check::Checker { spec: &spec }.check(&mut fault);
    if faults.is_empty() { Ok(spec) } else { Err(faults.join("\n")) }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[provider]\nname = \"p\"\ntitle = \"P\"\nservice = \"S\"\nserver = \"https://x\"\n";

    fn faults(rest: &str) -> String {
        parse("p.toml", &format!("{HEAD}{rest}")).unwrap_err()
    }

    #[test]
    fn faults_name_file_and_line() {
        let operation = "[[operation]]\nname = \"a\"\ndoc = \"\"\nsource = \"\"\nmethod = \"POST\"\npath = \"/x\"\nbody = \"json\"\noutput = \"()\"\n";
        let field = "[[operation.field]]\nname = \"f\"\nwire = \"F\"\ntype = \"bool\"\ndoc = \"\"\nmin = 1\n";
        let text = faults(&format!("{operation}{field}{field}"));
        assert!(text.contains("p.toml:15: f: only numbers have bounds"), "{text}");
        assert!(text.contains("p.toml:21: the field f is defined twice"), "{text}");
        assert!(text.contains("the wire name \"F\" is used twice"), "{text}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(
            faults("[[operation]]\nnam = \"a\"\n").contains("p.toml:7"),
            "{}",
            faults("[[operation]]\nnam = \"a\"\n")
        );
    }
}
