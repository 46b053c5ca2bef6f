"""An endpoint, its Subscription and its Secret, as users write them."""

ENDPOINT = """\
apiVersion: jethook.io/v1alpha1
kind: WebhookEndpoint
metadata: {name: orders}
spec:
  url: https://a.example/x
  signing: [{scheme: StandardWebhooks, secretRef: {name: keys}}]
"""
SUBSCRIPTION = """\
apiVersion: jethook.io/v1alpha1
kind: Subscription
metadata: {name: all}
spec: {endpointRef: {name: orders}, eventTypes: ["com.example.**"]}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: keys, labels: {jethook.io/use: "true"}}
stringData: {current: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
"""
ALL = f"{ENDPOINT}---\n{SUBSCRIPTION}---\n{SECRET}"
