//! The control plane.

use std::time::Duration;

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::peer::{call, join, still};

async fn described(emulator: &Emulator, arn: &str) -> Value {
    call(emulator, "/describeSignalingChannel", json!({ "ChannelARN": arn })).await.ok()["ChannelInfo"].take()
}

async fn create(emulator: &Emulator, name: &str) -> String {
    let created = call(emulator, "/createSignalingChannel", json!({ "ChannelName": name })).await.ok();
    created["ChannelARN"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_life_of_a_channel() {
    let emulator = still().await;
    emulator.kvs().quirks(json!({ "transition_ms": 2000 })).unwrap();
    let pass = || emulator.clock().advance(Duration::from_secs(2));
    let body = json!({ "ChannelName": "door", "SingleMasterConfiguration": { "MessageTtlSeconds": 5 } });
    let created = call(&emulator, "/createSignalingChannel", body.clone()).await.ok();
    let arn = created["ChannelARN"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:kinesisvideo:us-west-2:123456789012:channel/door/"), "{arn}");
    let info = described(&emulator, arn).await;
    assert_eq!((&info["ChannelStatus"], &info["ChannelType"]), (&json!("CREATING"), &json!("SINGLE_MASTER")));
    let endpoint = || call(&emulator, "/getSignalingChannelEndpoint", json!({ "ChannelARN": arn }));
    endpoint().await.refused(400, "ResourceInUseException");
    let delete = |version: Option<String>| {
        call(&emulator, "/deleteSignalingChannel", json!({ "ChannelARN": arn, "CurrentVersion": version }))
    };
    delete(None).await.refused(400, "ResourceInUseException");
    call(&emulator, "/createSignalingChannel", body).await.refused(400, "ResourceInUseException");
    pass();
    endpoint().await.ok();

    let info = described(&emulator, arn).await;
    assert_eq!(info["ChannelStatus"], "ACTIVE");
    let update = |version: Value| {
        let settings = json!({ "MessageTtlSeconds": 120 });
        let body =
            json!({ "ChannelARN": arn, "CurrentVersion": version, "SingleMasterConfiguration": settings });
        call(&emulator, "/updateSignalingChannel", body)
    };
    update(json!("older")).await.refused(400, "VersionMismatchException");
    assert_eq!(update(info["Version"].clone()).await.ok(), json!({}));
    let updated = described(&emulator, arn).await;
    assert_eq!(
        (&updated["ChannelStatus"], &updated["CreationTime"]),
        (&json!("UPDATING"), &info["CreationTime"])
    );
    assert_eq!(updated["SingleMasterConfiguration"]["MessageTtlSeconds"], 120);
    assert_ne!(updated["Version"], info["Version"]);
    pass();

    let mut master = join(&emulator, arn, None).await;
    delete(Some("older".into())).await.refused(400, "VersionMismatchException");
    delete(None).await.ok();
    assert_eq!(master.closed().await, Some(1001));
    assert_eq!(described(&emulator, arn).await["ChannelStatus"], "DELETING");
    pass();
    let body = json!({ "ChannelName": "door" });
    call(&emulator, "/describeSignalingChannel", body).await.refused(404, "ResourceNotFoundException");
}

#[tokio::test]
async fn what_cannot_be_created() {
    let emulator = still().await;
    let create = |body: Value| call(&emulator, "/createSignalingChannel", body);
    create(json!({ "ChannelName": "a b" })).await.refused(400, "InvalidArgumentException");
    let mesh = json!({ "ChannelName": "mesh", "ChannelType": "FULL_MESH" });
    create(mesh).await.refused(400, "InvalidArgumentException");
    let tags: Vec<_> = (0..51).map(|n| json!({ "Key": n.to_string(), "Value": "" })).collect();
    let tagged = json!({ "ChannelName": "tagged", "Tags": tags });
    create(tagged).await.refused(400, "TagsPerResourceExceededLimitException");
    emulator.kvs().quirks(json!({ "channel_limit": 1 })).unwrap();
    create(json!({ "ChannelName": "b" })).await.refused(400, "AccountChannelLimitExceededException");
    emulator.set_quotas(false);
    create(json!({ "ChannelName": "b" })).await.ok();
}

#[tokio::test]
async fn lists_come_in_pages() {
    let emulator = still().await;
    for name in ["door-2", "door-1", "hall"] {
        create(&emulator, name).await;
    }
    let list = |body: Value| {
        let emulator = &emulator;
        async move {
            let page = call(emulator, "/listSignalingChannels", body).await.ok();
            let names: Vec<_> = page["ChannelInfoList"].as_array().unwrap().iter().collect();
            let names: Vec<_> = names.iter().map(|c| c["ChannelName"].as_str().unwrap().to_owned()).collect();
            (names, page["NextToken"].as_str().map(str::to_owned))
        }
    };
    let (names, token) = list(json!({ "MaxResults": 2 })).await;
    assert_eq!(names, ["door-1", "door-2"]);
    let (rest, last) = list(json!({ "MaxResults": 2, "NextToken": token })).await;
    assert_eq!((rest, last), (vec!["emulator".to_owned(), "hall".to_owned()], None));
    assert_eq!(list(json!({})).await.0.len(), 4);
    let doors = json!({ "ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "door" });
    let (names, own) = list(json!({ "MaxResults": 1, "ChannelNameCondition": doors.clone() })).await;
    assert_eq!(names, ["door-1"]);
    let (names, _) = list(json!({ "NextToken": own, "ChannelNameCondition": doors.clone() })).await;
    assert_eq!(names, ["door-2"]);
    for body in [json!({ "NextToken": "AAAA" }), json!({ "NextToken": token, "ChannelNameCondition": doors })]
    {
        let answer = call(&emulator, "/listSignalingChannels", body).await;
        answer.refused(400, "InvalidArgumentException");
    }
}

#[tokio::test]
async fn tags_are_kept() {
    let emulator = still().await;
    emulator.set_quotas(false);
    let arn = emulator.kvs().channel_arn();
    let tag = |keys: std::ops::Range<u32>| {
        let tags: Vec<_> =
            keys.map(|n| json!({ "Key": format!("k{n}"), "Value": format!("v{n}") })).collect();
        call(&emulator, "/TagResource", json!({ "ResourceARN": arn, "Tags": tags }))
    };
    tag(0..50).await.ok();
    tag(10..20).await.ok();
    tag(50..51).await.refused(400, "TagsPerResourceExceededLimitException");
    let keys: Vec<_> = (1..50).map(|n| format!("k{n}")).collect();
    for bad in [String::new(), "k".repeat(129)] {
        let body = json!({ "ResourceARN": arn, "TagKeyList": [bad] });
        call(&emulator, "/UntagResource", body).await.refused(400, "InvalidArgumentException");
    }
    call(&emulator, "/UntagResource", json!({ "ResourceARN": arn, "TagKeyList": keys })).await.ok();
    let listed = call(&emulator, "/ListTagsForResource", json!({ "ResourceARN": arn })).await.ok();
    assert_eq!(listed, json!({ "Tags": { "k0": "v0" } }));
    let other = json!({ "ResourceARN": arn.replace("emulator", "other") });
    call(&emulator, "/ListTagsForResource", other).await.refused(404, "ResourceNotFoundException");
}

#[tokio::test]
async fn quotas_of_channel_and_account() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let describe = || call(&emulator, "/describeSignalingChannel", json!({ "ChannelARN": arn }));
    for _ in 0..5 {
        describe().await.ok();
    }
    describe().await.refused(400, "ClientLimitExceededException");
    for n in 0..50 {
        create(&emulator, &format!("c{n}")).await;
    }
    let more = || call(&emulator, "/createSignalingChannel", json!({ "ChannelName": "more" }));
    more().await.refused(400, "ClientLimitExceededException");
    emulator.clock().advance(Duration::from_secs(1));
    more().await.ok();
    describe().await.ok();
}

#[tokio::test]
async fn answers_in_every_form_that_was_seen() {
    let emulator = still().await;
    let kvs = emulator.kvs();
    let arn = kvs.channel_arn();
    for (quirks, expected) in [
        (json!({}), json!(1_700_000_000.0)),
        (json!({ "creation_time": "text" }), json!("1700000000")),
        (json!({ "creation_time": "iso8601" }), json!("2023-11-14T22:13:20.000Z")),
    ] {
        kvs.quirks(quirks).unwrap();
        assert_eq!(described(&emulator, arn).await["CreationTime"], expected);
    }
    kvs.quirks(json!({ "ttl_as_text": true, "turn_ttl_seconds": 60 })).unwrap();
    let ice = call(&emulator, "/v1/get-ice-server-config", json!({ "ChannelARN": arn })).await.ok();
    assert_eq!(ice["IceServerList"][0]["Ttl"], "60");
    let ttl = &described(&emulator, arn).await["SingleMasterConfiguration"]["MessageTtlSeconds"];
    assert_eq!(ttl, "60");
    let unknown = || call(&emulator, "/describeSignalingChannel", json!({ "ChannelName": "unknown" }));
    for (quirks, member, told) in [
        (
            json!({ "error_type": "__type" }),
            "__type",
            json!("com.amazonaws.kinesisvideo#ResourceNotFoundException"),
        ),
        (json!({ "error_type": "code" }), "code", json!("ResourceNotFoundException")),
        (json!({ "error_type": "none" }), "code", Value::Null),
    ] {
        kvs.quirks(quirks).unwrap();
        let answer = unknown().await;
        assert_eq!((answer.status, answer.name, &answer.body[member]), (404, None, &told));
    }
    assert!(kvs.quirks(json!({ "creation_time": "never" })).is_err());
}

#[tokio::test]
async fn any_operation_can_be_refused_as_its_service_does() {
    let emulator = still().await;
    let kvs = emulator.kvs();
    let arn = kvs.channel_arn();
    for (operation, path, body, name, status, member) in [
        (
            "describe_signaling_channel",
            "/describeSignalingChannel",
            "ChannelARN",
            "AccessDeniedException",
            401,
            "Message",
        ),
        (
            "get_ice_server_config",
            "/v1/get-ice-server-config",
            "ChannelARN",
            "NotAuthorizedException",
            401,
            "Message",
        ),
        (
            "get_ice_server_config",
            "/v1/get-ice-server-config",
            "ChannelARN",
            "SessionExpiredException",
            400,
            "message",
        ),
        (
            "join_storage_session",
            "/joinStorageSession",
            "channelArn",
            "AccessDeniedException",
            403,
            "message",
        ),
    ] {
        kvs.quirks(json!({ "refuse": { operation: name } })).unwrap();
        let answer = call(&emulator, path, json!({ body: arn })).await;
        assert!(answer.body[member].is_string(), "{answer:?}");
        answer.refused(status, name);
    }
}
