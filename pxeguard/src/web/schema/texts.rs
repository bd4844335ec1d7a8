//! Values that are written as texts.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::time::Timestamp;
use crate::trust::{InterfaceName, MacAddress, Trust};

/// Name, what it is, and its pattern.
macro_rules! is_text {
    ($type:ty, $name:literal, $description:literal, $pattern:literal) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description, "pattern": $pattern })
            }
        }
    };
}

is_text!(MacAddress, "MacAddress", "An Ethernet address", "^([0-9a-f]{2}:){5}[0-9a-f]{2}$");
is_text!(InterfaceName, "InterfaceName", "Name of a network interface", "^[^/:,*\\s]{1,15}$");
is_text!(
    Timestamp,
    "Timestamp",
    "A point in time, RFC 3339 in UTC with milliseconds",
    "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$"
);
is_text!(Trust, "Trust", "A trust, as --trust takes it", "^[^,]+(,vlan=(\\d+|untagged))?(,pxe)?$");
