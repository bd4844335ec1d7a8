//! The JSON Schema (draft 2020-12) of what the API answers.

mod texts;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::rows::Change;
use crate::report::{Alert, BootClient, BootList, Explanation, Overview, Port, Sample, Server, Status, TrustEntry};

/// As it is sent; it is the same as long as the daemon runs.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

/// Under `$defs` each type, and under `answers` which path answers with which.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let answers = [
        ("/api/v1/overview", of::<Overview>(&mut generator)),
        ("/api/v1/status", of::<Status>(&mut generator)),
        ("/api/v1/servers", of::<Vec<Server>>(&mut generator)),
        ("/api/v1/ports", of::<Vec<Port>>(&mut generator)),
        ("/api/v1/clients", of::<Vec<BootClient>>(&mut generator)),
        ("/api/v1/clients/{mac}/explain", of::<Explanation>(&mut generator)),
        ("/api/v1/alerts", of::<Vec<Alert>>(&mut generator)),
        ("/api/v1/trusts", of::<Vec<TrustEntry>>(&mut generator)),
        ("/api/v1/boot", of::<BootList>(&mut generator)),
        ("/api/v1/history", of::<Vec<Sample>>(&mut generator)),
        ("/api/v1/events", of::<Change>(&mut generator)),
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the API of pxeguard answers",
        "description": "Each path answers with what stands under answers, or with {\"error\": \"why\"}; the data of each \
                        event of /api/v1/events is what stands there.",
        "answers": BTreeMap::from(answers),
        "$defs": generator.take_definitions(true),
    })
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}
