# Send a span as exporters of OpenTelemetry do, in any language. GATEWAY and KEY say where, and who.
curl --fail-with-body --silent --show-error "$GATEWAY/v1/traces" \
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{
  "resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat answerer-2",
    "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
    "attributes": [
      {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
      {"key": "gen_ai.request.model", "value": {"stringValue": "answerer-2"}},
      {"key": "gen_ai.conversation.id", "value": {"stringValue": "order-17"}},
      {"key": "gen_ai.input.messages", "value": {"stringValue":
        "[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"Where is my parcel?\"}]}]"}},
      {"key": "gen_ai.output.messages", "value": {"stringValue":
        "[{\"role\": \"assistant\", \"parts\": [{\"type\": \"text\", \"content\": \"It arrives tomorrow.\"}]}]"}}
    ]}]}]}]}'
