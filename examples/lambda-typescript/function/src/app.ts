import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2 } from "aws-lambda";
import { z } from "zod";

const Query = z.object({ name: z.string().min(1).max(40).default("lambda") });

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyResultV2> {
    const query = Query.safeParse(event.queryStringParameters ?? {});
    if (!query.success) {
        return { statusCode: 400, body: query.error.message };
    }
    return { statusCode: 200, body: `hello from ${query.data.name}` };
}
