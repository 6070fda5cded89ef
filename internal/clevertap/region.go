package clevertap

import (
	"fmt"
	"net/url"
	"strings"
)

// Regions returns the codes of CleverTap's regions
// (https://developer.clevertap.com/docs/common-api-components). That table has left South Korea out since 2025; the page
// on exports to S3 still lists its dashboard (https://developer.clevertap.com/docs/export-data-to-amazon-s3).
func Regions() []string { return []string{"eu1", "in1", "sg1", "sk1", "us1", "aps3", "mec1"} }

// RegionURL returns the API's base URL for a region's code, without a trailing slash. An account exists in one region
// only; the hosts of all others answer it with 401. The error names the regions there are.
func RegionURL(region string) (*url.URL, error) {
	host := region + ".api.clevertap.com"
	switch region {
	case "eu1":
		host = "api.clevertap.com" // the default region; its host has no prefix
	case "in1", "sg1", "sk1", "us1", "aps3", "mec1":
	default:
		return nil, fmt.Errorf("CleverTap has no region %q, only %s", region, strings.Join(Regions(), ", "))
	}
	return &url.URL{Scheme: "https", Host: host}, nil
}
