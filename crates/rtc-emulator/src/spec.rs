//! The vocabulary of the generated route and rule tables (`src/generated/<provider>.rs`).
//!
//! The tables are constants: the code generator writes them from `xtask/spec/<provider>.toml`, and
//! [`check`](crate::check::check) reads them. Nothing here knows a provider.

/// One documented operation of a provider.
#[derive(Debug)]
pub struct Route {
    /// Provider, named as its crate.
    pub provider: &'static str,
    /// Operation, as in the log and in fault rules.
    pub operation: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path template, `/rooms/{room_id}/tokens`; a segment may have text around its parameter.
    pub path: &'static str,
    /// What the body is.
    pub body: BodyKind,
    /// Everything the operation takes.
    pub fields: &'static [Field],
    /// Rules over more than one field.
    pub rules: &'static [Rule],
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// None is read.
    None,
    /// One JSON value; an empty body reads as null.
    Json,
    /// `application/x-www-form-urlencoded`: read as an object of texts.
    Form,
}

/// One input of an operation, or a member of an object in one.
#[derive(Debug)]
pub struct Field {
    /// Name on the wire.
    pub wire: &'static str,
    /// Where it is; members of an object are `Body`.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// Whether it must be there and not be null.
    pub required: bool,
    /// Least length of a text, or number of elements of a list.
    pub min_length: Option<u64>,
    /// Greatest length of a text, or number of elements of a list.
    pub max_length: Option<u64>,
    /// What lengths of text count.
    pub unit: Unit,
    /// Least number.
    pub min: Option<i64>,
    /// Greatest number.
    pub max: Option<i64>,
    /// Name of a pattern, see [`pattern`](crate::pattern::pattern); of a list, each element's.
    pub pattern: Option<&'static str>,
    /// The only values allowed, empty for any; of a list, each element's.
    pub one_of: &'static [&'static str],
    /// The vendor's error code for this field.
    pub code: Option<&'static str>,
    /// The vendor's error code where the value is missing, if that is another one.
    pub required_code: Option<&'static str>,
    /// Whether the value is a secret, which the log hides.
    pub secret: bool,
    /// Members of an object, or of each element of a list of objects.
    pub fields: &'static [Field],
}

/// Where a field is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A parameter of the path.
    Path,
    /// The query; a repeated key is a list.
    Query,
    /// A header.
    Header,
    /// The body.
    Body,
}

/// What a value must be. Outside JSON a number or boolean is one written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    List,
    /// An object.
    Object,
    /// Anything.
    Any,
    /// A text of digits; a whole number is also accepted.
    NumericText,
}

/// What lengths of text count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values.
    Chars,
    /// Bytes of UTF-8.
    Bytes,
}

/// A rule over more than one field, broken while every condition holds. Unless a condition says whether the field
/// itself is set, `required` is broken when it is not, any other rule (`forbidden`, `conflict`, ...) when it is.
#[derive(Debug)]
pub struct Rule {
    /// Wire path of the field, `settings.mode`; it looks into every element of a list.
    pub field: &'static str,
    /// Name of the rule.
    pub rule: &'static str,
    /// The vendor's error code.
    pub code: Option<&'static str>,
    /// Told when broken.
    pub message: &'static str,
    /// All must hold.
    pub when: &'static [Condition],
}

/// A condition on a field, by its wire path. Values are compared as text; null is not set.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// Set, and this value (of a list: one of its elements).
    Is(&'static str, &'static str),
    /// Not set, or another value.
    Not(&'static str, &'static str),
    /// Set.
    Set(&'static str),
    /// Not set.
    Unset(&'static str),
}

/// A rule that a request breaks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Broken {
    /// Wire path of the field, `items[1].name`.
    pub wire: String,
    /// `required`, `type`, `length`, `range`, `pattern`, `one_of` or the name of a [`Rule`].
    pub rule: &'static str,
    /// The vendor's error code, where the spec has one.
    pub code: Option<String>,
    /// For people.
    pub message: String,
}
