# Votes of Open WebUI. GATEWAY and KEY say where the gateway is, and who sends; EXPORT is a file of feedback.
set -e
export PLAUDIT_OPEN_WEBUI_GATEWAY_URL=$GATEWAY PLAUDIT_OPEN_WEBUI_GATEWAY_KEY=$KEY

# 1. The function that sends each vote when it is given. Paste it into Admin panel > Functions.
plaudit reconcile open-webui --print-function > plaudit_votes.py

# 2. What the function missed, or what there was before. Running it twice changes nothing.
#    Without --file it asks Open WebUI itself, which PLAUDIT_OPEN_WEBUI_URL and PLAUDIT_OPEN_WEBUI_KEY name.
plaudit reconcile open-webui --file "$EXPORT"
