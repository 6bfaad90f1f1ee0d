use serde_json::json;

use super::*;
use crate::spec::Condition::{Is, Not, Set, Unset};

const FIELD: Field = Field {
    wire: "",
    place: Place::Body,
    kind: Kind::Text,
    required: false,
    min_length: None,
    max_length: None,
    unit: Unit::Chars,
    min: None,
    max: None,
    pattern: None,
    one_of: &[],
    code: None,
    required_code: None,
    secret: false,
    fields: &[],
};

const RULE: Rule = Rule { field: "", rule: "", code: None, message: "m", when: &[] };

static ROUTE: Route = Route {
    provider: "fake",
    operation: "make",
    method: "POST",
    path: "/x/{id}",
    body: BodyKind::Json,
    fields: &[
        Field { wire: "id", place: Place::Path, pattern: Some("digits"), ..FIELD },
        Field { wire: "x-mode", place: Place::Header, one_of: &["a", "b"], ..FIELD },
        Field { wire: "n", place: Place::Query, kind: Kind::Integer, max: Some(9), ..FIELD },
        Field { wire: "tag", place: Place::Query, kind: Kind::List, max_length: Some(2), ..FIELD },
        Field {
            wire: "name",
            required: true,
            min_length: Some(2),
            max_length: Some(3),
            code: Some("E1"),
            required_code: Some("E0"),
            ..FIELD
        },
        Field { wire: "bytes", unit: Unit::Bytes, max_length: Some(3), ..FIELD },
        Field { wire: "size", kind: Kind::Number, min: Some(1), max: Some(10), ..FIELD },
        Field { wire: "count", kind: Kind::Integer, ..FIELD },
        Field { wire: "flag", kind: Kind::Boolean, ..FIELD },
        Field { wire: "num", kind: Kind::NumericText, max: Some(50), ..FIELD },
        Field { wire: "colors", kind: Kind::List, one_of: &["red"], pattern: Some("alphanumeric"), ..FIELD },
        Field {
            wire: "opts",
            kind: Kind::Object,
            fields: &[Field { wire: "mode", required: true, ..FIELD }, Field { wire: "url", ..FIELD }],
            ..FIELD
        },
        Field {
            wire: "items",
            kind: Kind::List,
            fields: &[Field { wire: "id", required: true, ..FIELD }, Field { wire: "bad", ..FIELD }],
            ..FIELD
        },
        Field { wire: "any", kind: Kind::Any, ..FIELD },
    ],
    rules: &[
        Rule { field: "opts.url", rule: "required", when: &[Is("opts.mode", "push")], ..RULE },
        Rule {
            field: "opts.url",
            rule: "forbidden",
            when: &[Is("opts.mode", "pull"), Not("flag", "true")],
            ..RULE
        },
        Rule {
            field: "count",
            rule: "conflict",
            code: Some("E2"),
            when: &[Set("size"), Unset("flag")],
            ..RULE
        },
        Rule { field: "items.bad", rule: "forbidden", when: &[], ..RULE },
        Rule { field: "any", rule: "conflict", when: &[Is("colors", "red")], ..RULE },
    ],
};

fn broken(body: Value) -> Vec<(String, &'static str)> {
    let found = check(&ROUTE, &Params::default(), &[], &HeaderMap::new(), &body);
    found.into_iter().map(|b| (b.wire, b.rule)).collect()
}

#[test]
fn body_rules() {
    let cases: &[(Value, &[(&str, &str)])] = &[
        (json!({}), &[]),
        (json!({"name": null}), &[("name", "required")]),
        (json!({"name": "a"}), &[("name", "length")]),
        (json!({"name": "あああ"}), &[]),
        (json!({"name": 5}), &[("name", "type")]),
        (json!({"bytes": "あ"}), &[]),
        (json!({"bytes": "あa"}), &[("bytes", "length")]),
        (json!({"size": 0.5}), &[("size", "range")]),
        (json!({"size": "5"}), &[("size", "type")]),
        (json!({"count": 1.5}), &[("count", "type")]),
        (json!({"flag": "true"}), &[("flag", "type")]),
        (json!({"num": "12"}), &[]),
        (json!({"num": 12}), &[]),
        (json!({"num": "51"}), &[("num", "range")]),
        (json!({"num": "1x"}), &[("num", "type")]),
        (json!({"colors": ["red", "b!"]}), &[("colors[1]", "pattern"), ("colors[1]", "one_of")]),
        (json!({"colors": "red"}), &[("colors", "type")]),
        (json!({"opts": {}}), &[("opts.mode", "required")]),
        (json!({"opts": []}), &[("opts", "type")]),
        (json!({"opts": {"mode": "push"}}), &[("opts.url", "required")]),
        (json!({"opts": {"mode": "pull", "url": "u"}}), &[("opts.url", "forbidden")]),
        (json!({"opts": {"mode": "pull", "url": "u"}, "flag": true}), &[]),
        (json!({"count": 1, "size": 2}), &[("count", "conflict")]),
        (json!({"count": 1, "size": 2, "flag": false}), &[]),
        (json!({"items": [{"id": "1"}, {}, 3]}), &[("items[1].id", "required"), ("items[2]", "type")]),
        (json!({"items": [{"id": "1"}, {"id": "2", "bad": "x"}]}), &[("items.bad", "forbidden")]),
        (json!({"any": {"x": 1}, "colors": ["red"]}), &[("any", "conflict")]),
    ];
    for (body, expected) in cases {
        let mut body = body.clone();
        if body.get("name").is_none() {
            body["name"] = "ok".into();
        }
        let found = broken(body.clone());
        let found: Vec<_> = found.iter().map(|(wire, rule)| (wire.as_str(), *rule)).collect();
        assert_eq!(&found, expected, "{body}");
    }
    assert_eq!(broken(json!([])), [("".into(), "type"), ("name".into(), "required")]);
    assert_eq!(broken(Value::Null), [("name".into(), "required")]);
    assert_eq!(broken(json!({"name": "long", "size": 99})).len(), 2, "all of them are reported");
}

#[test]
fn outside_the_body_and_codes() {
    let (_, params) = crate::routing::match_route(std::slice::from_ref(&ROUTE), "POST", "/x/1a").unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-mode", "c".parse().unwrap());
    let query = crate::routing::pairs("n=10&tag=1&tag=2&tag=3");
    let found = check(&ROUTE, &params, &query, &headers, &json!({"name": "abcd"}));
    let found: Vec<_> = found.iter().map(|b| (b.wire.as_str(), b.rule, b.code.as_deref())).collect();
    let expected = [
        ("id", "pattern", None),
        ("x-mode", "one_of", None),
        ("n", "range", None),
        ("tag", "length", None),
        ("name", "length", Some("E1")),
    ];
    assert_eq!(found, expected);
    let found = check(&ROUTE, &params, &[], &HeaderMap::new(), &json!({}));
    assert_eq!(found.last().and_then(|b| b.code.as_deref()), Some("E0"), "the code of a missing value");
    let query = crate::routing::pairs("n=x");
    assert_eq!(check(&ROUTE, &params, &query, &HeaderMap::new(), &json!({"name": "ab"}))[1].rule, "type");
}

#[test]
fn forms_are_texts() {
    let route = Route {
        body: BodyKind::Form,
        fields: &[
            Field { wire: "a.b", kind: Kind::Integer, min: Some(1), ..FIELD },
            Field { wire: "flag", kind: Kind::Boolean, ..FIELD },
            Field { wire: "list", kind: Kind::List, min_length: Some(2), ..FIELD },
        ],
        rules: &[Rule { field: "flag", rule: "required", when: &[Is("a.b", "0")], ..RULE }],
        ..Route {
            provider: "",
            operation: "",
            method: "",
            path: "",
            body: BodyKind::None,
            fields: &[],
            rules: &[],
        }
    };
    let run = |text| {
        let body = form(&crate::routing::pairs(text));
        let found = check(&route, &Params::default(), &[], &HeaderMap::new(), &body);
        found.into_iter().map(|b| (b.wire, b.rule)).collect::<Vec<_>>()
    };
    assert_eq!(run("a.b=0"), [("a.b".into(), "range"), ("flag".into(), "required")]);
    assert_eq!(run("flag=yes&list=1"), [("flag".into(), "type"), ("list".into(), "length")]);
    assert_eq!(run("a.b=1&flag=true&list=1&list=2"), []);
}
