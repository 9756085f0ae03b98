package csvfile

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/sync"
)

// bucket is a sink that speaks S3.
type bucket struct {
	base    *url.URL
	keys    keys
	clients sync.Clients
	now     func() time.Time
}

// keys sign requests.
type keys struct{ id, secret, region string }

func openBucket(c *sync.Config) (sink, error) {
	base, err := url.Parse(strings.TrimRight(c.Settings["bucket_url"], "/"))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, &sync.InvalidError{Field: "bucket_url", Reason: "want an address such as https://bucket.s3.eu-west-1.amazonaws.com/prefix"}
	}
	if c.Settings["access_key_id"] == "" || c.Secrets["secret_access_key"] == "" {
		return nil, &sync.InvalidError{Field: "access_key_id", Reason: "a bucket needs access_key_id and secret_access_key"}
	}
	return &bucket{base, keys{c.Settings["access_key_id"], c.Secrets["secret_access_key"], c.Setting("region", "us-east-1")}, c.Clients, c.Now}, nil
}

// put writes an object, which S3 shows whole or not at all.
func (b *bucket) put(ctx context.Context, name string, content []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, b.base.JoinPath(name).String(), bytes.NewReader(content))
	if err != nil {
		return &sync.LaterError{Code: "address", Reason: "bucket_url is not a URL", All: true}
	}
	b.keys.sign(req, content, b.now())
	answer, err := b.clients.Call(req)
	if err != nil {
		return err
	}
	err = answer.Judge(b.now())
	if refused, ok := err.(*sync.RefusedError); ok { //nolint:errorlint // as Judge returns it
		return &sync.LaterError{Code: refused.Code, Reason: "the bucket does not take the file: look at bucket_url and region", After: 5 * time.Minute, All: true}
	}
	return err
}

// sign adds what AWS Signature Version 4 asks for, with the content's hash among it.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func (k keys) sign(req *http.Request, content []byte, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	sum := sha256.Sum256(content)
	req.Header.Set("X-Amz-Date", stamp)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	values := map[string]string{"host": req.URL.Host}
	for name := range req.Header {
		values[strings.ToLower(name)] = strings.TrimSpace(req.Header.Get(name))
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var headers strings.Builder
	for _, name := range names {
		headers.WriteString(name + ":" + values[name] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{req.Method, escaped(req.URL.Path), "", headers.String(), signed, hex.EncodeToString(sum[:])}, "\n")
	scope := stamp[:8] + "/" + k.region + "/s3/aws4_request"
	hashed := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + k.secret)
	for _, part := range []string{stamp[:8], k.region, "s3", "aws4_request", "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(hashed[:])} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.id+"/"+scope+",SignedHeaders="+signed+",Signature="+hex.EncodeToString(key))
}

// escaped is a path as the signature wants it: all but unreserved characters and slashes in percent.
func escaped(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(p), "+", "%20")
	}
	return strings.Join(parts, "/")
}
