use serde_json::{Map, Value, json};
use x402_types::extensions::bazaar::{
    Bazaar, BazaarError, BodyType, Input, McpInput, McpTransport, Method, Shape, to_template,
};

use super::{get, read, schema_of};

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn tool() -> McpInput {
    McpInput {
        tool_name: "weather".to_owned(),
        description: Some("d".to_owned()),
        transport: Some(McpTransport::Sse),
        input_schema: map(&json!({"type": "object", "properties": {"city": {"type": "string"}}})),
        example: Some(json!({"city": "Paris"})),
    }
}

/// What `declareDiscoveryExtension` of the npm package prints.
fn golden() -> Vec<Value> {
    vec![
        json!({"info":{"input":{"type":"http","method":"GET","queryParams":{"city":"Paris"}},"output":{"type":"json","example":{"temp":1}}},"schema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"input":{"type":"object","properties":{"type":{"type":"string","const":"http"},"method":{"type":"string","enum":["GET"]},"queryParams":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},"required":["type","method"],"additionalProperties":false},"output":{"type":"object","properties":{"type":{"type":"string"},"example":{"type":"object","properties":{"temp":{"type":"number"}}}},"required":["type"]}},"required":["input"]}}),
        json!({"info":{"input":{"type":"http","method":"POST","bodyType":"json","body":{"q":"x"}}},"schema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"input":{"type":"object","properties":{"type":{"type":"string","const":"http"},"method":{"type":"string","enum":["POST","PUT","PATCH"]},"bodyType":{"type":"string","enum":["json","form-data","text"]},"body":{"properties":{"q":{"type":"string"}},"required":["q"]}},"required":["type","method","bodyType","body"],"additionalProperties":false}},"required":["input"]}}),
        json!({"info":{"input":{"type":"http","method":"GET","queryParams":{},"pathParams":{"id":"7","var1":"x"}}},"schema":{"type":"object"},"routeTemplate":"/users/:id/:var1"}),
        json!({"info":{"input":{"type":"http","queryParams":{}}},"schema":{"type":"object"}}),
        json!({"info":{"input":{"type":"mcp","toolName":"weather","description":"d","transport":"sse","inputSchema":{"type":"object","properties":{"city":{"type":"string"}}},"example":{"city":"Paris"}},"output":{"type":"json","example":{"t":1}}},"schema":{"type":"object"}}),
        json!({"info":{"input":{"type":"mcp","toolName":"weather","inputSchema":{"type":"object"}}},"schema":{"type":"object"}}),
        json!({"info":{"input":{"type":"http","method":"POST","bodyType":"text","body":"hi"}},"schema":{"type":"object"}}),
    ]
}

#[test]
fn listings_of_the_npm_package_are_read_and_written_as_they_came() {
    for listing in golden() {
        let read = get::<Bazaar>(&json!({"bazaar": listing})).unwrap().unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), listing);
    }
}

#[test]
fn a_query_is_listed_as_the_npm_package_lists_it_once_the_method_is_known() {
    let query = json!({"properties": {"city": {"type": "string"}}, "required": ["city"]});
    let output = json!({"type": "object", "properties": {"temp": {"type": "number"}}});
    let ours = Bazaar::query(Method::Get, Shape::of(query).example(json!({"city": "Paris"})))
        .output(Shape::of(output).example(json!({"temp": 1})))
        .build()
        .unwrap();
    assert_eq!(serde_json::to_value(&ours).unwrap(), golden()[0]);
}

#[test]
fn a_body_is_listed_with_its_one_method_and_form() {
    let body = json!({"properties": {"q": {"type": "string"}}, "required": ["q"]});
    let ours =
        Bazaar::body(Method::Post, BodyType::Json, Shape::of(body).example(json!({"q": "x"})))
            .build()
            .unwrap();
    let mut expected = golden()[1].clone();
    let properties = &mut expected["schema"]["properties"]["input"]["properties"];
    properties["method"]["enum"] = json!(["POST"]);
    properties["bodyType"]["enum"] = json!(["json"]);
    assert_eq!(serde_json::to_value(&ours).unwrap(), expected);
}

#[test]
fn a_listing_is_valid_by_its_own_schema_and_is_read_again() {
    let any = || Shape::of(json!(true));
    let object = |example: Value| Shape::of(json!({"type": "object"})).example(example);
    for listing in [
        Bazaar::query(Method::Get, any()).build(),
        Bazaar::query(Method::Delete, Shape::of(json!({}))).output(any()).build(),
        Bazaar::query(Method::Head, object(json!({"a": 1})))
            .path_params(object(json!({"id": "7"})))
            .headers(object(json!({"accept": "text/plain"})))
            .route_template("/users/:id")
            .build(),
        Bazaar::body(Method::Put, BodyType::FormData, any()).build(),
        Bazaar::body(
            Method::Patch,
            BodyType::Text,
            Shape::of(json!({"type": "string"})).example(json!("hi")),
        )
        .output(Shape::of(json!({"type": "array"})).example(json!([1])))
        .build(),
        Bazaar::mcp(tool()).output(object(json!({"t": 1}))).build(),
        Bazaar::mcp(McpInput { tool_name: "t".to_owned(), ..McpInput::default() }).build(),
    ] {
        let listing = listing.unwrap();
        let value = serde_json::to_value(&listing).unwrap();
        assert!(schema_of(&listing).is_valid(&value["info"]), "{value}");
        assert_eq!(get::<Bazaar>(&json!({"bazaar": value})).unwrap(), Some(listing));
    }
}

#[test]
fn definitions_of_a_handlers_schema_go_with_it() {
    let city = |minimum: u64| {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/city",
            "title": "City",
            "type": "object",
            "properties": { "name": { "$ref": "#/$defs/Name" }, "near": { "$ref": "#" } },
            "required": ["name"],
            "$defs": { "Name": { "type": "string", "minLength": minimum } },
        })
    };
    let listing = Bazaar::body(
        Method::Post,
        BodyType::Json,
        Shape::of(city(2)).example(json!({"name": "Paris"})),
    )
    .output(Shape::of(city(4)).example(json!({"name": "Lyon"})))
    .build()
    .unwrap();
    let schema = schema_of(&listing);
    let info = |body: Value, output: Value| {
        json!({"input": {"type": "http", "method": "POST", "bodyType": "json", "body": body},
            "output": {"type": "json", "example": output}})
    };
    assert!(schema.is_valid(&info(json!({"name": "Ys"}), json!({"name": "Lyon"}))));
    assert!(
        schema.is_valid(&info(
            json!({"name": "Ys", "near": {"name": "Oz"}}),
            json!({"name": "Lyon"})
        ))
    );
    assert!(!schema.is_valid(&info(json!({"name": "Ys"}), json!({"name": "Ys"}))));
    assert!(!schema.is_valid(&info(json!({"name": "Y"}), json!({"name": "Lyon"}))));
    assert!(
        !schema
            .is_valid(&info(json!({"name": "Ys", "near": {"name": "O"}}), json!({"name": "Lyon"})))
    );
    let value = serde_json::to_value(&listing).unwrap();
    assert!(get::<Bazaar>(&json!({"bazaar": value})).unwrap().is_some());
}

#[test]
fn a_schema_that_refers_to_something_outside_is_refused() {
    for address in [
        json!("https://169.254.169.254/"),
        json!("other.json"),
        json!("file:///etc"),
        json!(""),
        json!(1),
        json!(null),
    ] {
        for key in ["$ref", "$id", "$dynamicRef", "$recursiveRef"] {
            for schema in [
                json!({key: address}),
                json!({"properties": {"input": {"anyOf": [true, {key: address}]}}}),
                json!({"$defs": {"a": {"items": {key: address}}}}),
            ] {
                let listing =
                    json!({"bazaar": {"info": {"input": {"type": "http"}}, "schema": schema}});
                assert!(get::<Bazaar>(&listing).is_err(), "{listing}");
                let listing = json!({"bazaar": {"info": {"input": {"type": "mcp", "toolName": "t", "inputSchema": schema}}}});
                assert!(get::<Bazaar>(&listing).is_err(), "{listing}");
                let inner = json!({"type": "object", "properties": {"a": schema}});
                for refused in [
                    Bazaar::query(Method::Get, Shape::of(inner.clone())).build(),
                    Bazaar::body(Method::Post, BodyType::Json, Shape::of(inner.clone())).build(),
                    Bazaar::query(Method::Get, Shape::of(json!(true)))
                        .output(Shape::of(inner.clone()))
                        .build(),
                    Bazaar::mcp(McpInput { input_schema: map(&inner), ..tool() }).build(),
                ] {
                    assert!(matches!(refused, Err(BazaarError::Outside(..))), "{refused:?}");
                }
            }
        }
    }
    let listing = json!({"bazaar": {"info": {"input": {"type": "http"}}, "schema": {"$ref": "#/$defs/a", "$defs": {"a": {"$id": "#a"}}}}});
    assert!(get::<Bazaar>(&listing).unwrap().is_some());
}

#[test]
fn a_method_goes_with_a_query_or_with_a_body() {
    let any = || Shape::of(json!(true));
    for method in [Method::Get, Method::Head, Method::Delete] {
        assert!(
            matches!(Bazaar::body(method, BodyType::Json, any()).build(), Err(BazaarError::NoBody(m)) if m == method)
        );
        let input = json!({"type": "http", "method": method, "bodyType": "json"});
        assert!(read::<Input>(&input).is_none(), "{input}");
    }
    for method in [Method::Post, Method::Put, Method::Patch] {
        assert!(
            matches!(Bazaar::query(method, any()).build(), Err(BazaarError::Body(m)) if m == method)
        );
        let input = json!({"type": "http", "method": method, "bodyType": "json"});
        assert!(read::<Input>(&input).is_some(), "{input}");
        assert_eq!(json!(method), method.as_str());
    }
}

#[test]
fn what_is_no_shape_is_refused() {
    let any = || Shape::of(json!(true));
    assert!(matches!(
        Bazaar::query(Method::Get, Shape::of(json!("x"))).build(),
        Err(BazaarError::NotASchema("queryParams"))
    ));
    assert!(matches!(
        Bazaar::query(Method::Get, any().example(json!([]))).build(),
        Err(BazaarError::Example("queryParams"))
    ));
    assert!(matches!(
        Bazaar::query(Method::Get, any()).path_params(any().example(json!(1))).build(),
        Err(BazaarError::Example("pathParams"))
    ));
    assert!(matches!(
        Bazaar::query(Method::Get, any()).route_template("/a/../b").build(),
        Err(BazaarError::Route(_))
    ));
    assert!(matches!(Bazaar::mcp(McpInput::default()).build(), Err(BazaarError::NoToolName)));
}

#[test]
fn inputs_of_no_known_kind_are_refused() {
    for input in [
        json!({}),
        json!({"type": "grpc"}),
        json!({"type": null}),
        json!({"type": "http", "method": "get"}),
        json!({"type": "http", "method": "CONNECT"}),
        json!({"type": "http", "bodyType": "xml"}),
        json!({"type": "http", "queryParams": []}),
        json!({"type": "mcp", "toolName": "", "inputSchema": {}}),
        json!({"type": "mcp", "toolName": "t"}),
        json!({"type": "mcp", "toolName": "t", "inputSchema": {}, "transport": "stdio"}),
    ] {
        assert!(read::<Input>(&input).is_none(), "{input}");
    }
    let nulls = json!({"type": "http", "method": null, "queryParams": null, "body": null});
    let Some(Input::Http(http)) = read(&nulls) else { panic!("nulls are nothing") };
    assert_eq!(serde_json::to_value(Input::Http(http)).unwrap(), json!({"type": "http"}));
}

#[test]
fn an_unsound_route_template_is_dropped_and_the_rest_read() {
    for (template, sound) in [
        ("/a", true),
        ("/users/:id", true),
        ("/a//b", true),
        ("/caf%C3%A9", true),
        ("/", false),
        ("a", false),
        ("/a b", false),
        ("/a/../b", false),
        ("/a%2e%2e", false),
        ("/a%252e%252e", false),
        ("/a://b", false),
        ("/a%3A%2F%2Fb", false),
        ("/%zz", false),
        ("/%+1", false),
        ("/%ff", false),
        ("/a%", false),
    ] {
        let listing =
            json!({"bazaar": {"info": {"input": {"type": "http"}}, "routeTemplate": template}});
        let read = get::<Bazaar>(&listing).unwrap().unwrap();
        assert_eq!(read.route_template.as_deref(), sound.then_some(template), "{template}");
    }
}

#[test]
fn a_routers_pattern_becomes_a_template() {
    for (pattern, template) in [
        ("/users/{id}", Some("/users/:id")),
        ("/users/[id]/*", Some("/users/:id/:var1")),
        ("/users/:id", Some("/users/:id")),
        ("/a/*/b/{*rest}", Some("/a/:var1/b/:var2")),
        ("/a", None),
        ("/*", None),
        ("/*/*", None),
        ("/{a b}/c", None),
        ("", None),
    ] {
        assert_eq!(to_template(pattern).as_deref(), template, "{pattern}");
    }
}
