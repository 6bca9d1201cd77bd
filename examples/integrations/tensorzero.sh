# Send a vote as TensorZero's clients do: bash tensorzero.sh MESSAGE_ID. GATEWAY and KEY say where, and who.
curl --fail-with-body --silent --show-error "$GATEWAY/feedback" \
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \
  -d '{"metric_name": "satisfaction", "inference_id": "'"$1"'", "value": true, "tags": {"user_id": "u-1"}}'
